"""Holds silver against conf/expectations; a failed gate stops the run.

One row of quality.gate_results is one check of one table. Only what the run's window brought in is looked at, with the
rows that have no day: what earlier runs let through is not judged again each night.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from libs.job import JobContext
from libs.quality.gates import GateResult, hold, run_expectations
from libs.spark.delta import TIMELESS

_COUNTED = "rows_in = silver + quarantined + duplicates + excluded"


def run(ctx: JobContext) -> None:
    names = [*(f"silver.{kind}" for kind in sorted(ctx.shop.kinds())), "silver.events"]
    found = [result for name in names for result in hold_table(ctx, name)]
    hold(ctx, "silver", [*found, accounting(ctx)])


def hold_table(ctx: JobContext, name: str) -> list[GateResult]:
    """What the window brought into a table, held against its expectations."""
    day = F.col("day")
    inside = ((day >= ctx.window.start) & (day < ctx.window.end)) | (day == TIMELESS)
    return run_expectations(ctx.read(name).where(inside), name, ctx.run.conf.root)


def accounting(ctx: JobContext) -> GateResult:
    """Every row that was read is in silver, quarantined, a duplicate or excluded."""
    sums = F.col("silver") + F.col("quarantined") + F.col("duplicates") + F.col("excluded")
    wrong = ctx.read("quality.ingest_counts").where(F.col("rows_in") != sums).count()
    return GateResult("quality.ingest_counts", _COUNTED, wrong == 0, f"{wrong} days differ", "0 days differ", "stop")
