"""Types, cleans, pseudonymises and deduplicates; quarantines what is malformed, with its reason.

One row of silver.<kind> is one good row of bronze.<kind>. Of the others quality.quarantine has the reason,
bronze.rejected the payload and quality.ingest_counts the number. Too many bad rows stop the run before silver is
written; the quarantine is written all the same, so that the operator can look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.ingest.silver import QUARANTINED, counted, judged, kept
from libs.job import JobContext
from libs.privacy.keys import key_id
from libs.spark.delta import TIMELESS
from libs.tables import CONTRACT, Kind, table

_UNREADABLE = {"csv": "the line has not as many fields as the header", "jsonl": "the line is not a JSON object"}


@dataclass(frozen=True)
class Params:
    """redelivery_days: an event that is delivered again within so many days is a duplicate."""

    redelivery_days: int = 31


def run(ctx: JobContext) -> None:
    hold_key(ctx)
    rows = {kind: judge(ctx, kind, ctx.params(Params)).persist() for kind in sorted(ctx.shop.kinds())}
    told = reduce(DataFrame.unionByName, (frame.select(*_TOLD, F.lit(k).alias("kind")) for k, frame in rows.items()))
    counts = counted(told).collect()  # a row a day and source
    ctx.write(
        "quality.ingest_counts", ctx.spark.createDataFrame(counts, table("quality.ingest_counts").ddl).coalesce(1)
    )
    bad = told.where(F.col("fate") == QUARANTINED)
    ctx.write("bronze.rejected", bad.select(*table("bronze.rejected").column_names))
    ctx.write("quality.quarantine", bad.select("*", "failure.*").select(*table("quality.quarantine").column_names))
    hold_limit(ctx, counts, bad)
    for kind, frame in rows.items():
        ctx.write(f"silver.{kind}", kept(frame, CONTRACT[kind], ctx.secrets["pseudonym_key"]))
        frame.unpersist()


def hold_key(ctx: JobContext) -> None:
    """Stops before a user gets a second pseudonym. Files of the same key are not opened: Delta knows their bounds."""
    mine = key_id(ctx.secrets["pseudonym_key"])
    for name in sorted(ctx.shop.kinds()):
        rows = ctx.read(f"silver.{name}").where(~between(ctx.window.start, ctx.window.end))
        other = rows.where(F.col("key_id") != mine).select("key_id").first()
        if other:
            raise OperatorError(
                f"silver.{name} was written under key {other['key_id']}, REASONREC_KEY is key {mine}: set the key of"
                " before, or run maintenance.rotate_key first"
            )


_TOLD = ("shop", "period", "day", "source", "row_id", "fate", "failure", "payload")


def judge(ctx: JobContext, name: str, params: Params) -> DataFrame:
    """The window's rows of a kind, each with its fate."""
    start, end = ctx.window.start, ctx.window.end
    days = params.redelivery_days if comes_again(ctx, name, CONTRACT[name]) else 0
    bronze = ctx.read(f"bronze.{name}").where(between(start - timedelta(days=days), end))
    rows = judged(bronze, name, CONTRACT[name], unreadable(ctx), ctx.shop.timezone, days)
    return rows.where(between(start, end))


def between(start: date, end: date) -> Column:
    day = F.col("day")
    return ((day >= start) & (day < end)) | (day == TIMELESS)


def comes_again(ctx: JobContext, name: str, kind: Kind) -> bool:
    """Whether a later day may tell the same event again: its days are not those of its events."""
    sources = [source for source in ctx.shop.sources.values() if source.kind == name]
    return not kind.snapshot and any(source.daily or "known_at" in source.columns for source in sources)


def unreadable(ctx: JobContext) -> Column:
    """Why a row of a source could not be read at all."""
    formats = ctx.shop.sources.items()
    reasons = [
        F.when(F.col("source") == n, F.lit(_UNREADABLE.get(s.format, "the row cannot be read"))) for n, s in formats
    ]
    return F.coalesce(*reasons, F.lit("the row cannot be read"))


def hold_limit(ctx: JobContext, counts: list[Row], bad: DataFrame) -> None:
    """Stops the run when a source has more bad rows than the shop allows.

    A file that is read whole brings its rows without a readable time with every run. They are held against all of its
    rows that were ever brought in, not against one day's.
    """
    limit = ctx.shop.max_quarantine_share
    for source in sorted({row["source"] for row in counts}):
        own = [row for row in counts if row["source"] == source]
        dated = [row for row in own if row["day"] != TIMELESS]
        share = max(_share(dated, 0), _share(own, _rows_before(ctx, own) if len(dated) < len(own) else 0))
        if share > limit:
            reasons = bad.where(F.col("source") == source).groupBy("failure.reason").count()
            top = reasons.orderBy(F.desc("count"), "reason").first()
            raise OperatorError(
                f"source {source}: {share:.1%} of its rows are bad, more than max_quarantine_share {limit:.1%}; mostly:"
                f" {top['reason'] if top else '?'} (see quality.quarantine); mend the delivery or its mapping"
            )


def _share(counts: list[Row], more: int) -> float:
    return sum(row[QUARANTINED] for row in counts) / max(1, more + sum(row["rows_in"] for row in counts))


def _rows_before(ctx: JobContext, own: list[Row]) -> int:
    """Rows of a source on days before the window, where one has so many bad rows that it matters."""
    if _share(own, 0) <= ctx.shop.max_quarantine_share:
        return 0
    day, bronze = F.col("day"), ctx.read(f"bronze.{own[0]['kind']}")
    dated = bronze.where((day != TIMELESS) & (day < ctx.window.start))
    return dated.where(F.col("source") == own[0]["source"]).count()
