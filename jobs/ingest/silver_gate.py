"""Holds silver against conf/expectations; a failed gate stops the run.

One row of quality.gate_results is one check of one table. Only rows of the run's window and timeless rows are checked:
what earlier runs let through is not checked again each night.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from libs.job import JobContext
from libs.quality.gates import GateResult, record_and_enforce, run_expectations
from libs.spark.delta import TIMELESS

_COUNTED = "rows_in = silver + quarantined + duplicates + excluded"


def run(ctx: JobContext) -> None:
    names = [*(f"silver.{kind}" for kind in sorted(ctx.shop.kinds())), "silver.events"]
    results = [result for name in names for result in check_table(ctx, name)]
    record_and_enforce(ctx, "silver", [*results, accounting(ctx)])


def check_table(ctx: JobContext, name: str) -> list[GateResult]:
    """Checks the window's rows of a table, and its timeless rows, against the table's expectations."""
    day = F.col("day")
    in_window = ((day >= ctx.window.start) & (day < ctx.window.end)) | (day == TIMELESS)
    return run_expectations(ctx.read(name).where(in_window), name, ctx.run.conf.root)


def accounting(ctx: JobContext) -> GateResult:
    """Checks that every row read is in silver, quarantined, a duplicate or excluded."""
    sums = F.col("silver") + F.col("quarantined") + F.col("duplicates") + F.col("excluded")
    wrong = ctx.read("quality.ingest_counts").where(F.col("rows_in") != sums).count()
    return GateResult("quality.ingest_counts", _COUNTED, wrong == 0, f"{wrong} days differ", "0 days differ", "stop")
