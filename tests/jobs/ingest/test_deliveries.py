"""The most telling of the odd deliveries of `make bench-deliveries`; that runs all of them."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.benchmarks.deliveries import Verdict, deliver, judge
from tests.benchmarks.delivery_cases import CASES

TELLING = (
    "hostile_csv_minimal_crlf",
    "csv_unclosed_middle",
    "csv_quote_not_doubled",
    "csv_header_repeated",
    "csv_utf16_le",
    "csv_break_and_cp1252",
    "csv_days_column_missing",
    "csv_days_one_empty",
    "products_blank_price",
    "hostile_json_concatenated",
    "json_truncated_middle",
    "parquet_folder_types",
    "parquet_nanos_local",
    "expr_pattern",
    "expr_subquery",
)


@pytest.fixture(scope="module")
def verdicts(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    cases = [case for case in CASES if case.name in TELLING]
    folder = tmp_path_factory.mktemp("deliveries")
    outcomes = deliver(spark, cases, folder)  # together, to share the queries of silver
    return {case.name: judge(case, outcome, folder / case.name) for case, outcome in zip(cases, outcomes, strict=True)}


@pytest.mark.parametrize("name", TELLING)
def test_delivery_gives_the_rows_quarantine_and_status_that_it_must(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name] == Verdict([])
