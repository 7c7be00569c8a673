"""Brings the window's rows of each source in, mapped onto the contract, as delivered.

One row of bronze.<kind> is one row of a source that became known in the window, its columns mapped by the shop's SQL
expressions and still text; a row that cannot even be read stands in `broken`. A source with `{date}` in its path is
read for the window's days alone; any other is read whole, and its rows without a readable time come with every run.
Of an erased user's row that is delivered again its day and source come in, so that it is counted, and nothing else.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.ingest.mapping import mapped
from libs.ingest.sources import BROKEN, DELIVERED, ROW, read_source, readable, unchanged
from libs.ingest.suppression import suppressed_keys, without_suppressed
from libs.ingest.times import instant, local_day, period, plausible, timeless
from libs.job import JobContext, constants
from libs.privacy.keys import required
from libs.spark.columns import once
from libs.spark.delta import TIMELESS
from libs.tables import CONTRACT, table


def run(ctx: JobContext) -> None:
    brought = {kind: bring_in(ctx, kind) for kind in sorted(ctx.shop.kinds())}
    files = sorted({file for frame in brought.values() for file in frame.inputFiles()})
    with readable(ctx.spark), unchanged(ctx.spark, files):
        for kind, frame in brought.items():
            ctx.write(f"bronze.{kind}", frame)


def bring_in(ctx: JobContext, kind: str) -> DataFrame:
    """Rows of all sources of a kind; every mapping and file is checked before the first table is written."""
    sources = [name for name, source in ctx.shop.sources.items() if source.kind == kind]
    found = [frame for frame in (bring_in_source(ctx, name) for name in sources) if frame is not None]
    if not found:
        return ctx.spark.createDataFrame([], table(f"bronze.{kind}").ddl)
    return reduce(DataFrame.unionByName, found).withColumns(constants(ctx))


def bring_in_source(ctx: JobContext, name: str) -> DataFrame | None:
    shop, source = ctx.shop, ctx.shop.sources[name]
    root = ctx.run.conf.root.resolve()
    where = f"{root.name}/shops/{shop.name}.yaml: sources.{name}"
    raw = read_source(ctx.spark, root.parent, where, source, ctx.window, shop.is_open)
    if raw is None:
        ctx.log.info("%s: closed on all days of the window", name)
        return None
    rows = with_day(mapped(raw, source, CONTRACT[source.kind], where, shop.timezone), shop.timezone)
    start, end = ctx.window.start, ctx.window.end
    rows = rows.where(once(F.col("day"), lambda day: ((day >= start) & (day < end)) | (day == TIMELESS)))
    rows = rows.withColumns({"source": F.lit(name), "period": period(F.col("day"), shop.partition)})
    listed = ctx.read("silver.suppressed_users")
    if not listed.isEmpty():
        key = required(ctx.secrets, "suppression_key")
        rows = without_suppressed(rows, CONTRACT[source.kind], suppressed_keys(listed, key), key)
    return with_row_id(rows).drop(ROW, DELIVERED)


def with_day(rows: DataFrame, zone: str) -> DataFrame:
    """Adds `day`: of the delivery, else on which the row became known, else TIMELESS. `broken` holds the unread row."""
    times = [instant(F.col(c), zone) for c in ("known_at", "event_time") if c in rows.columns]
    known = once(F.coalesce(*times), lambda time: F.when(plausible(time), local_day(time, zone)))
    day = F.coalesce(F.col(DELIVERED), known, timeless())
    return rows.withColumn("day", day).withColumnRenamed(BROKEN, "broken")


def with_row_id(rows: DataFrame) -> DataFrame:
    """Adds `row_id`: a hash of the source, the row as delivered, and its number among a day's equal rows.

    Equal rows differ in nothing, so that whichever of them gets which number the table is the same.
    """
    rows = rows.withColumn("row_hash", F.sha2(ROW, 256))
    # Spark sorts by the first key's first bytes, and compares whole rows where these are equal: a hash's differ.
    equal = Window.partitionBy("row_hash", "day").orderBy(F.lit(1))
    number = F.row_number().over(equal).cast("string")
    return rows.withColumn(
        "row_id", F.substring(F.sha2(F.concat_ws("|", "source", "row_hash", number), 256), 1, 32)
    ).drop("row_hash")
