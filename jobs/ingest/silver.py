"""Types, cleans, pseudonymises and deduplicates; quarantines what is malformed, with its reason.

One row of silver.<kind> is one good row of bronze.<kind>. For bad rows, quality.quarantine has the reasons and
bronze.rejected the payloads; quality.ingest_counts counts the rows of every fate. Too many bad rows stop the run before
silver is written; the quarantine is written first, so that the operator can look at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.csv_groups import grammar_of
from libs.ingest.hints import hint, shown
from libs.ingest.silver import QUARANTINED, classify, count_fates, silver_rows
from libs.job import JobContext
from libs.privacy.keys import key_id
from libs.spark.delta import TIMELESS
from libs.tables import CONTRACT, Kind, table

_UNREADABLE = "the row cannot be read"


@dataclass(frozen=True)
class Params:
    """redelivery_days: an event that is delivered again within this many days is a duplicate."""

    redelivery_days: int = 31


def run(ctx: JobContext) -> None:
    check_key(ctx)
    rows = {kind: classified(ctx, kind, ctx.params(Params)).persist() for kind in sorted(ctx.shop.kinds())}
    fates = reduce(DataFrame.unionByName, (frame.select(*_FATE, F.lit(k).alias("kind")) for k, frame in rows.items()))
    counts = count_fates(fates).collect()  # one row per day and source
    ctx.write(
        "quality.ingest_counts", ctx.spark.createDataFrame(counts, table("quality.ingest_counts").ddl).coalesce(1)
    )
    bad = fates.where(F.col("fate") == QUARANTINED)
    ctx.write("bronze.rejected", bad.select(*table("bronze.rejected").column_names))
    ctx.write("quality.quarantine", bad.select("*", "failure.*").select(*table("quality.quarantine").column_names))
    check_limit(ctx, counts, bad)
    for kind, frame in rows.items():
        ctx.write(f"silver.{kind}", silver_rows(frame, CONTRACT[kind], ctx.secrets["pseudonym_key"]))
        frame.unpersist()


def check_key(ctx: JobContext) -> None:
    """Raises OperatorError if silver was written with another key: users would get a second pseudonym.

    Delta skips files that hold only the current key by their statistics, so the check is cheap.
    """
    current = key_id(ctx.secrets["pseudonym_key"])
    for name in sorted(ctx.shop.kinds()):
        rows = ctx.read(f"silver.{name}").where(~between(ctx.window.start, ctx.window.end))
        other = rows.where(F.col("key_id") != current).select("key_id").first()
        if other:
            raise OperatorError(
                f"silver.{name} was written under key {other['key_id']}, REASONREC_KEY is key {current}: set the"
                " earlier key, or run maintenance.rotate_key first"
            )


_FATE = ("shop", "period", "day", "source", "row_id", "fate", "failure", "payload")


def classified(ctx: JobContext, name: str, params: Params) -> DataFrame:
    """The window's rows of a kind, each with its fate."""
    start, end = ctx.window.start, ctx.window.end
    sources = [source for source in ctx.shop.sources.values() if source.kind == name]
    days = params.redelivery_days if may_be_redelivered(CONTRACT[name], sources) else 0
    bronze = ctx.read(f"bronze.{name}").where(between(start - timedelta(days=days), end))
    rows = classify(bronze, name, CONTRACT[name], unreadable(ctx), ctx.shop.timezone, days)
    return rows.where(between(start, end))


def between(start: date, end: date) -> Column:
    """Rows of the days [start, end), and timeless rows."""
    day = F.col("day")
    return ((day >= start) & (day < end)) | (day == TIMELESS)


def may_be_redelivered(kind: Kind, sources: Iterable[SourceConf]) -> bool:
    """Whether the same event may be delivered again on a later day: delivery days are not the days of the events."""
    return not kind.snapshot and any(source.daily or "known_at" in source.columns for source in sources)


def unreadable(ctx: JobContext) -> Column:
    """The reason for rows that could not be read: what is in `broken` tells it."""
    reasons = [F.when(F.col("source") == name, why_broken(source)) for name, source in ctx.shop.sources.items()]
    return F.coalesce(*reasons, F.lit(_UNREADABLE))


def why_broken(source: SourceConf) -> Column:
    if source.format == "jsonl":
        return F.lit("the line is not a JSON object")
    if source.format != "csv":
        return F.lit(_UNREADABLE)
    well_quoted = F.col("broken").rlike(rf"^(?:{grammar_of(source).record})\z")
    fields = F.lit("the line repeats the header, or has not as many fields")
    return F.when(well_quoted, fields).otherwise("a quote is not closed, or a quote inside quotes is not doubled")


def check_limit(ctx: JobContext, counts: list[Row], bad: DataFrame) -> None:
    """Raises OperatorError if a source has more bad rows than the shop allows.

    A file that is read whole brings its rows without a readable time with every run. Their share is taken of all rows
    of the source so far, not of one day's.
    """
    limit = ctx.shop.max_quarantine_share
    for source in sorted({row["source"] for row in counts}):
        of_source = [row for row in counts if row["source"] == source]
        dated = [row for row in of_source if row["day"] != TIMELESS]
        earlier = _rows_before(ctx, of_source) if len(dated) < len(of_source) else 0
        share = max(_bad_share(dated, 0), _bad_share(of_source, earlier))
        if share > limit:
            raise OperatorError(
                f"source {source}: {share:.1%} of its rows are bad, more than max_quarantine_share {limit:.1%}; mostly:"
                f" {_mostly(ctx.shop.sources[source], bad.where(F.col('source') == source))}"
            )


def _mostly(source: SourceConf, bad: DataFrame) -> str:
    """The most frequent reason with its most frequent value, and what mends it. No user id or text is shown."""
    reasons = bad.groupBy("failure.reason", "failure.field").count()
    reason, field, _ = reasons.orderBy(F.desc("count"), "reason").first() or ("?", None, 0)
    kind = CONTRACT[source.kind]
    example, advice = "", None
    if field is not None and field not in (*kind.users, *kind.text):
        value = F.trim(F.get_json_object("payload", f"$.{field}"))
        values = bad.where(F.col("failure.reason") == reason).groupBy(value.alias("value")).count()
        top = values.where("value <> ''").orderBy(F.desc("count"), "value").first()
        if top:
            example = f", for example {shown(top['value'])}"
            advice = hint(reason, field, kind.types[field], source.columns.get(field, field), top["value"])
    return f"{reason}{example} (see quality.quarantine); {advice or 'mend the mapping'}, or fix the delivery"


def _bad_share(counts: list[Row], earlier: int) -> float:
    return sum(row[QUARANTINED] for row in counts) / max(1, earlier + sum(row["rows_in"] for row in counts))


def _rows_before(ctx: JobContext, counts: list[Row]) -> int:
    """Rows of a source on days before the window; 0, without counting, if its share is within the limit anyway."""
    if _bad_share(counts, 0) <= ctx.shop.max_quarantine_share:
        return 0
    day, bronze = F.col("day"), ctx.read(f"bronze.{counts[0]['kind']}")
    dated = bronze.where((day != TIMELESS) & (day < ctx.window.start))
    return dated.where(F.col("source") == counts[0]["source"]).count()
