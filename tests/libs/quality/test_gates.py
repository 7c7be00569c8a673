"""Gates read conf/expectations, tell what they found, and stop the run only where a check that counts has failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from libs.errors import GateError, OperatorError
from libs.quality.gates import GateResult, expectations, record_and_enforce, run_expectations
from libs.tables import TABLES
from tests.conftest import ROOT, Warehouse

FILE = """
- expect: expect_column_values_to_not_be_null
  arguments: {column: user_id}
- expect: expect_column_values_to_be_between
  arguments: {column: rank, min_value: 1, max_value: 3}
  severity: warn
- expect: expect_column_values_to_be_between
  arguments: {column: rank, min_value: 1, row_condition: "user_id = 'ann'"}
- expect: expect_column_values_to_not_be_null
  arguments: {column: nowhere}
"""


def conf_with(folder: Path, text: str) -> Path:
    (folder / "expectations").mkdir(exist_ok=True)
    (folder / "expectations" / "results.x.yaml").write_text(text)
    return folder


def test_each_expectation_gives_one_result_in_order(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("ann", 1), ("bob", 9), (None, 2)], "user_id string, rank int")
    found = run_expectations(frame, "results.x", conf_with(tmp_path, FILE))
    assert [(r.check, r.passed, r.severity) for r in found] == [
        ("expect_column_values_to_not_be_null(user_id)", False, "stop"),
        ("expect_column_values_to_be_between(rank)", False, "warn"),
        ("expect_column_values_to_be_between(rank, user_id = 'ann')", True, "stop"),
        ("expect_column_values_to_not_be_null(nowhere)", False, "stop"),
    ]
    assert found[0].observed == '{"element_count": 3, "unexpected_count": 1}'
    assert found[1].expected == '{"min_value": 1, "max_value": 3}'
    assert found[3].observed.startswith('{"error": ') and "nowhere" in found[3].observed


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- expect: expect_column_values_to_not_be_nul\n  arguments: {column: a}",
         "unknown expectation 'expect_column_values_to_not_be_nul'; did you mean expect_column_values_to_not_be_null"),
        ("- expect: expect_column_values_to_not_be_null\n  arguments: {colum: a}",
         "expect_column_values_to_not_be_null.column: field required"),
        ("- expect: expect_column_values_to_not_be_null\n  arguments: {column: a, most: 1}",
         "expect_column_values_to_not_be_null.most: extra fields not permitted"),
        ("- expect: expect_column_values_to_not_be_null\n  severity: fatal", "severity 'fatal' is neither stop nor warn"),
        ("- expect: expect_column_values_to_not_be_null\n  column: a", "unknown key 'column'; it takes expect, arguments, severity"),
    ],
)  # fmt: skip
def test_what_cannot_be_expected_is_refused_by_name(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(OperatorError) as caught:
        expectations("results.x", conf_with(tmp_path, text))
    assert f"{tmp_path}/expectations/results.x.yaml: entry 1: {line}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_expectations_file_of_conf_names_a_table_and_its_columns() -> None:
    for path in sorted((ROOT / "conf" / "expectations").glob("*.yaml")):
        known = TABLES[path.stem].column_names
        for one in expectations(path.stem, ROOT / "conf"):
            named = [one.arguments["column"]] if "column" in one.arguments else one.arguments.get("column_list", [])
            assert set(named) <= set(known), (path.name, one)


def result(passed: bool, severity: str, check: str = "rank") -> GateResult:
    return GateResult("results.x", check, passed, "9", "1 to 3", severity)  # type: ignore[arg-type]


def test_a_failed_gate_stops_the_run_after_its_results_are_written(warehouse: Warehouse) -> None:
    ctx = warehouse.context("ingest.silver_gate")
    with pytest.raises(GateError) as caught:
        record_and_enforce(
            ctx, "silver", [result(False, "warn", "age"), result(False, "stop"), result(True, "stop", "name")]
        )
    assert caught.value.status == 3
    assert str(caught.value) == "gate silver failed, nothing is published: results.x: rank: found 9, wanted 1 to 3"
    assert warehouse.rows("quality.gate_results", "check", "passed", "severity") == [
        ("age", False, "warn"),
        ("name", True, "stop"),
        ("rank", False, "stop"),
    ]


def test_a_failed_warning_does_not_stop_the_run(warehouse: Warehouse) -> None:
    record_and_enforce(warehouse.context("ingest.silver_gate"), "silver", [result(False, "warn")])
    assert warehouse.rows("quality.gate_results", "passed") == [(False,)]


def test_a_check_that_nobody_asks_for_any_more_is_gone_and_other_gates_stay(warehouse: Warehouse) -> None:
    ctx = warehouse.context("ingest.silver_gate")
    with pytest.raises(GateError):
        record_and_enforce(ctx, "silver", [result(False, "stop")])
    record_and_enforce(ctx, "results", [result(True, "stop")])
    record_and_enforce(ctx, "silver", [result(True, "stop", "another")])
    found = warehouse.rows("quality.gate_results", "gate", "check", "passed")
    assert sorted(found) == [("results", "rank", True), ("silver", "another", True)]
