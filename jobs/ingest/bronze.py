"""Brings the window's rows of each source in, mapped onto the contract, as delivered.

One row of bronze.<kind> is one source row that became known in the window. Its columns are mapped by the shop's SQL
expressions and are still text; a row that cannot be read at all is in `broken`. If a source's path has `{date}`, only
the files of the window's days are read; otherwise the whole source, whose rows without a readable time come with every
run. When a row of an erased user is delivered again, only its day and source are stored, so that it is counted.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.ingest.files import readable, unchanged
from libs.ingest.groups import BROKEN, DELIVERED
from libs.ingest.lines import FILE, ROW
from libs.ingest.mapping import mapped
from libs.ingest.sources import read_source
from libs.ingest.suppression import suppressed_keys, without_suppressed
from libs.ingest.times import instant, local_day, period, plausible, timeless
from libs.job import JobContext, constants
from libs.privacy.keys import required
from libs.spark.columns import once
from libs.spark.delta import TIMELESS
from libs.tables import CONTRACT, table


def run(ctx: JobContext) -> None:
    # Every mapping and every file is checked here, before the first table is written.
    frames = {kind: bronze_rows(ctx, kind) for kind in sorted(ctx.shop.kinds())}
    files = sorted({file for frame in frames.values() for file in frame.inputFiles()})
    with readable(ctx.spark), unchanged(ctx.spark, files):
        for kind, frame in frames.items():
            ctx.write(f"bronze.{kind}", frame)


def bronze_rows(ctx: JobContext, kind: str) -> DataFrame:
    """The window's rows of all sources of a kind."""
    sources = [name for name, source in ctx.shop.sources.items() if source.kind == kind]
    frames = [frame for frame in (source_rows(ctx, name) for name in sources) if frame is not None]
    if not frames:
        return ctx.spark.createDataFrame([], table(f"bronze.{kind}").ddl)
    return reduce(DataFrame.unionByName, frames).withColumns(constants(ctx))


def source_rows(ctx: JobContext, name: str) -> DataFrame | None:
    """The window's rows of a source; None if there are none, or the shop was closed."""
    shop, source = ctx.shop, ctx.shop.sources[name]
    root = ctx.run.conf.root.resolve()
    where = f"{root.name}/shops/{shop.name}.yaml: sources.{name}"
    groups = read_source(ctx.spark, root.parent, where, source, ctx.window, shop.is_open)
    if not groups:
        ctx.log.info("%s: %s", name, "closed on all days of the window" if groups is None else "no rows")
        return None
    contract = CONTRACT[source.kind]
    united = reduce(DataFrame.unionByName, [mapped(group, source, contract, where, shop.timezone) for group in groups])
    rows = with_day(united, shop.timezone)
    start, end = ctx.window.start, ctx.window.end
    rows = rows.where(once(F.col("day"), lambda day: ((day >= start) & (day < end)) | (day == TIMELESS)))
    rows = rows.withColumns({"source": F.lit(name), "period": period(F.col("day"), shop.partition)})
    listed = ctx.read("silver.suppressed_users")
    if not listed.isEmpty():
        key = required(ctx.secrets, "suppression_key")
        rows = without_suppressed(rows, contract, suppressed_keys(listed, key), key)
    return with_row_id(rows).drop(ROW, DELIVERED, FILE)


def with_day(rows: DataFrame, zone: str) -> DataFrame:
    """Adds `day`: the delivery's, else the day on which the row became known, else TIMELESS; renames BROKEN."""
    times = [instant(F.col(c), zone) for c in ("known_at", "event_time") if c in rows.columns]
    known_day = once(F.coalesce(*times), lambda time: F.when(plausible(time), local_day(time, zone)))
    day = F.coalesce(F.col(DELIVERED), known_day, timeless())
    return rows.withColumn("day", day).withColumnRenamed(BROKEN, "broken")


def with_row_id(rows: DataFrame) -> DataFrame:
    """Adds `row_id`: a hash of the source, the row as delivered, and its number among the day's equal rows.

    Equal rows are identical, so the table does not depend on which of them gets which number.
    """
    rows = rows.withColumn("row_hash", F.sha2(ROW, 256))
    # The hash, not the row, comes first: Spark sorts by the first bytes of the first key and compares whole rows when
    # those are equal, and hashes rarely share them.
    equal = Window.partitionBy("row_hash", "day").orderBy(F.lit(1))
    number = F.row_number().over(equal).cast("string")
    return rows.withColumn(
        "row_id", F.substring(F.sha2(F.concat_ws("|", "source", "row_hash", number), 256), 1, 32)
    ).drop("row_hash")
