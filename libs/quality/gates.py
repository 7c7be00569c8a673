"""Gates: a table held against conf/expectations/<layer.table>.yaml. The only module that imports Great Expectations."""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.errors import GateError, OperatorError
from libs.job import JobContext
from libs.tables import table

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the library is imported
import great_expectations as gx
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

logging.getLogger("great_expectations").setLevel(logging.WARNING)  # its ephemeral folders are of no interest

Severity = Literal["stop", "warn"]
_SCHEMA = "table string, check string, passed boolean, observed string, expected string, severity string"
# SUMMARY without examples: BASIC and above may carry values of rows, COMPLETE pulls every bad key to the driver.
_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Expected:
    """One entry of an expectations file: an expectation of the library, its arguments, and how much it counts."""

    name: str
    arguments: dict[str, Any]
    severity: Severity

    @property
    def check(self) -> str:
        """Name of the check, unique in its table: the expectation, its columns and its condition."""
        said = [
            str(self.arguments[k])
            for k in ("column", "column_A", "column_B", "column_list", "row_condition")
            if k in self.arguments
        ]
        return f"{self.name}({', '.join(said)})"


@dataclass(frozen=True)
class GateResult:
    """What one check found; `observed` and `expected` are short JSON."""

    table: str
    check: str
    passed: bool
    observed: str
    expected: str
    severity: Severity


def expectations(table_name: str, conf_folder: Path) -> list[Expected]:
    """The table's expectations; none where conf has no file for it.

    Raises:
        OperatorError: an entry is not an expectation, or has an argument it does not take; names file, place and key.
    """
    path = conf_folder / "expectations" / f"{table_name}.yaml"
    if not path.is_file():
        return []
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(entries, list):
        raise OperatorError(f"{path}: a list of expectations is needed")
    found = [_expected(entry, f"{path}: entry {place}") for place, entry in enumerate(entries, 1)]
    checks = [one.check for one in found]
    for check in checks:
        if checks.count(check) > 1:
            raise OperatorError(
                f"{path}: {check} stands there twice; join the two, or give each a row_condition of its own"
            )
    return found


def run_expectations(frame: DataFrame, table_name: str, conf_folder: Path) -> list[GateResult]:
    """Holds a frame against its table's expectations; one result each, in the file's order."""
    wanted = expectations(table_name, conf_folder)
    if not wanted:
        return []
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("spark").add_dataframe_asset("frame")
    batch = asset.add_batch_definition_whole_dataframe("whole")
    built = [get_expectation_impl(one.name)(**_arguments(one), meta={"place": i}) for i, one in enumerate(wanted)]
    suite = gx.ExpectationSuite(name=table_name, expectations=built)
    validation = gx.ValidationDefinition(name=table_name, data=batch, suite=context.suites.add(suite))
    context.validation_definitions.add(validation)
    used = _used(frame, wanted).persist()  # every check reads it
    outcome = validation.run(batch_parameters={"dataframe": used}, result_format=_FORMAT)
    used.unpersist()
    results = {result.expectation_config.meta["place"]: result for result in outcome.results}
    return [_result(table_name, one, results[place]) for place, one in enumerate(wanted)]


def hold(ctx: JobContext, gate: Literal["silver", "results"], results: list[GateResult]) -> None:
    """Writes what a gate found to quality.gate_results, then stops the run where a check that counts has failed.

    Raises:
        GateError: at least one check of severity stop failed; nothing is published.
    """
    rows = [(r.table, r.check, r.passed, r.observed, r.expected, r.severity) for r in results]
    rows_of_gate = ctx.spark.createDataFrame(rows, _SCHEMA).coalesce(1)
    rows_of_gate = rows_of_gate.withColumns(
        {"shop": F.lit(ctx.shop.name), "cutoff": F.lit(ctx.as_of), "gate": F.lit(gate)}
    )
    ctx.write("quality.gate_results", rows_of_gate.select(*table("quality.gate_results").column_names))
    for result in results:
        if not result.passed and result.severity == "warn":
            ctx.log.warning("gate %s: %s", gate, _line(result))
    failed = [result for result in results if not result.passed and result.severity == "stop"]
    if failed:
        more = f" (and {len(failed) - 1} more, see quality.gate_results)" if len(failed) > 1 else ""
        raise GateError(f"gate {gate} failed, nothing is published: {_line(failed[0])}{more}")


def _used(frame: DataFrame, wanted: list[Expected]) -> DataFrame:
    """The columns that expectations or their conditions name."""
    named = set(re.findall(r"\w+", json.dumps([one.arguments for one in wanted], default=str)))
    return frame.select(*[column for column in frame.columns if column in named] or ["*"])


def _line(result: GateResult) -> str:
    return f"{result.table}: {result.check}: found {result.observed}, wanted {result.expected}"


def _expected(entry: Any, where: str) -> Expected:
    if not isinstance(entry, dict) or not isinstance(entry.get("expect"), str):
        raise OperatorError(f"{where}: `expect: <name of an expectation>` is needed")
    unknown = sorted(set(entry) - {"expect", "severity", "arguments"})
    if unknown:
        raise OperatorError(f"{where}: unknown key {unknown[0]!r}; it takes expect, arguments, severity")
    if entry.get("severity", "stop") not in ("stop", "warn"):
        raise OperatorError(f"{where}: severity {entry['severity']!r} is neither stop nor warn")
    one = Expected(entry["expect"], dict(entry.get("arguments") or {}), entry.get("severity", "stop"))
    kind = _kind(one.name)
    if kind is None:
        near = ", ".join(difflib.get_close_matches(one.name, list_registered_expectation_implementations(), n=3))
        raise OperatorError(f"{where}: unknown expectation {one.name!r}" + (f"; did you mean {near}?" if near else ""))
    try:
        kind(**_arguments(one))
    except ValueError as error:
        first: dict[str, Any] = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        key = ".".join([one.name, *map(str, first["loc"])])
        raise OperatorError(f"{where}: {key}: {' '.join(str(first['msg']).split())}") from None
    return one


def _kind(name: str) -> Any:
    if name not in list_registered_expectation_implementations():
        return None
    return get_expectation_impl(name)


def _arguments(one: Expected) -> dict[str, Any]:
    condition = {"condition_parser": "spark"} if "row_condition" in one.arguments else {}
    return one.arguments | condition


def _result(table_name: str, one: Expected, result: Any) -> GateResult:
    found = dict(result.result)
    shown = {k: found[k] for k in ("observed_value", "element_count", "unexpected_count") if found.get(k) is not None}
    observed = json.dumps(shown, default=str)
    raised = _raised(result.exception_info)
    if raised:
        observed = json.dumps({"error": " ".join(str(raised[0].get("exception_message")).split())[:300]})
    wanted = {k: v for k, v in one.arguments.items() if k not in ("column", "row_condition")}
    return GateResult(
        table_name, one.check, bool(result.success), observed, json.dumps(wanted, default=str), one.severity
    )


def _raised(info: Any) -> list[dict[str, Any]]:
    """Great Expectations tells one exception as it is, several by metric."""
    infos = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    return [one for one in infos if isinstance(one, dict) and one.get("raised_exception")]
