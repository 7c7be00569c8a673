"""Delivered texts as the contract's types, and the first check a row fails."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.ingest.row_rules import Check, first_failure, split, typed

CASES = {
    ("int", "3"): 3,
    ("int", " -3.0 "): -3,
    ("int", "\u00a0\u30003\t"): 3,
    ("int", "3.5"): None,
    ("int", "9999999999"): None,
    ("int", "three"): None,
    ("double", "4.5"): 4.5,
    ("double", "NaN"): None,
    ("double", "-Infinity"): None,
    ("double", ""): None,
    ("decimal(18,4)", "2.55"): Decimal("2.5500"),
    ("decimal(18,4)", "0.00005"): Decimal("0.0001"),
    ("decimal(18,4)", "1,000.00"): None,
    ("decimal(18,4)", "1e20"): None,
    ("string", "  tea "): "tea",
    ("string", " \u00a0\t\u3000"): None,
}


@pytest.fixture(scope="module")
def read(spark: SparkSession) -> dict[tuple[str, str], object]:
    columns = [typed(F.lit(text), kind, "UTC").alias(str(i)) for i, (kind, text) in enumerate(CASES)]
    row = spark.range(1).select(*columns).first()
    assert row is not None
    return dict(zip(CASES, row, strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_text_is_read_as_the_contracts_type_or_not_at_all(
    read: dict[tuple[str, str], object], case: tuple[str, str]
) -> None:
    assert read[case] == CASES[case]


def test_the_first_failed_check_is_the_rows_reason_and_null_passes(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(1,), (-5,), (-20,), (None,)], "n int")
    checks = [Check("n is absurd", "n", F.abs("n") > 10), Check("n is negative", "n", F.col("n") < 0)]
    good, bad = split(rows.withColumn("failure", first_failure(checks)))
    assert [row.n for row in good.orderBy("n").collect()] == [None, 1]
    assert [(row.n, row.failure.reason, row.failure.field) for row in bad.orderBy("n").collect()] == [
        (-20, "n is absurd", "n"),
        (-5, "n is negative", "n"),
    ]
