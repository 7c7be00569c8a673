"""Gates: check a table with conf/expectations/<layer.table>.yaml. The only module that imports Great Expectations."""

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

logging.getLogger("great_expectations").setLevel(logging.WARNING)  # not a line for each of its temporary folders

Severity = Literal["stop", "warn"]
_SCHEMA = "table string, check string, passed boolean, observed string, expected string, severity string"
# SUMMARY without examples: BASIC and above may contain values of rows, COMPLETE collects every bad key to the driver.
_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Expected:
    """One entry of an expectations file: the name of an expectation of the library, its arguments and severity."""

    name: str
    arguments: dict[str, Any]
    severity: Severity

    @property
    def check(self) -> str:
        """The check's name, unique in its table: the expectation with its columns and condition."""
        parts = [
            str(self.arguments[k])
            for k in ("column", "column_A", "column_B", "column_list", "row_condition")
            if k in self.arguments
        ]
        return f"{self.name}({', '.join(parts)})"


@dataclass(frozen=True)
class GateResult:
    """The result of one check; `observed` and `expected` are short JSON."""

    table: str
    check: str
    passed: bool
    observed: str
    expected: str
    severity: Severity


def expectations(table_name: str, conf_folder: Path) -> list[Expected]:
    """The table's expectations; none if conf has no file for it.

    Raises:
        OperatorError: an entry is not an expectation, or has an argument that it does not take; the message names the
            file, the entry's position and the key.
    """
    path = conf_folder / "expectations" / f"{table_name}.yaml"
    if not path.is_file():
        return []
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(entries, list):
        raise OperatorError(f"{path}: a list of expectations is needed")
    wanted = [_expected(entry, f"{path}: entry {number}") for number, entry in enumerate(entries, 1)]
    checks = [expected.check for expected in wanted]
    for check in checks:
        if checks.count(check) > 1:
            raise OperatorError(
                f"{path}: {check} is there twice; merge the two, or give each a row_condition of its own"
            )
    return wanted


def run_expectations(frame: DataFrame, table_name: str, conf_folder: Path) -> list[GateResult]:
    """Checks a frame with its table's expectations; one result for each, in the file's order."""
    wanted = expectations(table_name, conf_folder)
    if not wanted:
        return []
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("spark").add_dataframe_asset("frame")
    batch = asset.add_batch_definition_whole_dataframe("whole")
    gx_expectations = [
        get_expectation_impl(expected.name)(**_arguments(expected), meta={"place": place})
        for place, expected in enumerate(wanted)
    ]
    suite = gx.ExpectationSuite(name=table_name, expectations=gx_expectations)
    validation = gx.ValidationDefinition(name=table_name, data=batch, suite=context.suites.add(suite))
    context.validation_definitions.add(validation)
    used = _used_columns(frame, wanted).persist()  # every check reads it
    outcome = validation.run(batch_parameters={"dataframe": used}, result_format=_FORMAT)
    used.unpersist()
    results = {result.expectation_config.meta["place"]: result for result in outcome.results}
    return [_result(table_name, expected, results[place]) for place, expected in enumerate(wanted)]


def record_and_enforce(ctx: JobContext, gate: Literal["silver", "results"], results: list[GateResult]) -> None:
    """Writes a gate's results to quality.gate_results, logs failed warnings and stops the run at a failed check.

    Raises:
        GateError: at least one check of severity `stop` failed; nothing is published.
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


def _used_columns(frame: DataFrame, wanted: list[Expected]) -> DataFrame:
    """The columns that expectations or their conditions name."""
    words = set(re.findall(r"\w+", json.dumps([expected.arguments for expected in wanted], default=str)))
    return frame.select(*[column for column in frame.columns if column in words] or ["*"])


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
    expected = Expected(entry["expect"], dict(entry.get("arguments") or {}), entry.get("severity", "stop"))
    name, kind = expected.name, _kind(expected.name)
    if kind is None:
        similar = ", ".join(difflib.get_close_matches(name, list_registered_expectation_implementations(), n=3))
        raise OperatorError(
            f"{where}: unknown expectation {name!r}" + (f"; did you mean {similar}?" if similar else "")
        )
    try:
        kind(**_arguments(expected))
    except ValueError as error:
        first: dict[str, Any] = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        key = ".".join([name, *map(str, first["loc"])])
        raise OperatorError(f"{where}: {key}: {' '.join(str(first['msg']).split())}") from None
    return expected


def _kind(name: str) -> Any:
    if name not in list_registered_expectation_implementations():
        return None
    return get_expectation_impl(name)


def _arguments(expected: Expected) -> dict[str, Any]:
    condition = {"condition_parser": "spark"} if "row_condition" in expected.arguments else {}
    return expected.arguments | condition


def _result(table_name: str, expected: Expected, result: Any) -> GateResult:
    values = dict(result.result)
    shown = {k: values[k] for k in ("observed_value", "element_count", "unexpected_count") if values.get(k) is not None}
    observed = json.dumps(shown, default=str)
    exceptions = _exceptions(result.exception_info)
    if exceptions:
        observed = json.dumps({"error": " ".join(str(exceptions[0].get("exception_message")).split())[:300]})
    limits = {k: v for k, v in expected.arguments.items() if k not in ("column", "row_condition")}
    return GateResult(
        table_name, expected.check, bool(result.success), observed, json.dumps(limits, default=str), expected.severity
    )


def _exceptions(info: Any) -> list[dict[str, Any]]:
    """The exceptions of a result: Great Expectations gives a single one as it is, several as a dict by metric."""
    infos = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    return [entry for entry in infos if isinstance(entry, dict) and entry.get("raised_exception")]
