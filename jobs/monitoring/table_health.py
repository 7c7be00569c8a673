"""Holds each day's delivery against the days before it; raises alarms.

One row of quality.table_health is one figure of one day's rows of a silver table: how many, how complete, how much of
them new, how large the key columns' medians. Only the window's rows are read; the past is read from this table itself.
What is judged, and by which formulas: libs.quality.health. A table and day raise one alarm at most, for the gravest
thing found; `finding` names the rest.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from libs.alarms.alarm import Alarm
from libs.ingest.times import day_start, period
from libs.job import JobContext, constants
from libs.quality.health import Figures, Finding, findings, missing_days
from libs.quality.health import Limits as Params
from libs.tables import CONTRACT, table

_MEDIANS = ("price", "quantity", "rating", "value")
# Of a copied day these may have been written anew.
_NEW_IN_A_COPY = ("event_time", "known_at", "order_id", "line_id", "ticket_id", "release_id")
_MODULUS = 2**52  # a double holds every whole number below it


def run(ctx: JobContext) -> None:
    limits = ctx.params(Params)
    figures = daily_figures(ctx).persist()
    rows = recent(ctx, figures, limits)
    found = judge(ctx, by_series(rows), limits)
    ctx.write("quality.table_health", with_findings(ctx, figures, found))
    ctx.alarms += [*never_brought_in(ctx, rows), *as_alarms(found)]
    figures.unpersist()


def daily_figures(ctx: JobContext) -> DataFrame:
    """day, table, column, metric, value: of all days of the window, those without a row included."""
    kinds = sorted(kind for kind in ctx.shop.kinds() if not CONTRACT[kind].snapshot)
    each = [of_kind(ctx, kind) for kind in kinds]
    return reduce(DataFrame.unionByName, [*each, of_counts(ctx, kinds)])


def of_kind(ctx: JobContext, kind: str) -> DataFrame:
    """Figures of silver.<kind>, a kind that tells events; a figure without a value (a median of nulls) is left out."""
    rows = in_window(ctx, f"silver.{kind}")
    figures = {("", "rows"): F.count("row_id"), ("", "content"): content(kind)}
    day_end = F.max(day_start(F.date_add("day", 1), ctx.shop.timezone))
    figures["", "newest_lag_hours"] = (day_end.cast("double") - F.max("event_time").cast("double")) / 3600
    for column in sorted(optional_columns(ctx, kind)):
        figures[column, "null_share"] = F.avg(F.col(column).isNull().cast("int"))
    for column in [name for name in _MEDIANS if name in CONTRACT[kind].types]:
        figures[column, "median"] = F.median(F.col(column).cast("double"))
    measured = rows.groupBy("day").agg(*[value.cast("double").alias(f"{c}|{m}") for (c, m), value in figures.items()])
    wide = all_days(ctx).join(measured, "day", "left").fillna(0.0, ["|rows"])
    return longer(wide, F.lit(f"silver.{kind}"), list(figures))


def of_counts(ctx: JobContext, kinds: list[str]) -> DataFrame:
    """What became of the rows of a kind, all its sources together."""
    counts = in_window(ctx, "quality.ingest_counts").where(F.col("kind").isin(kinds) & (F.col("rows_in") > 0))
    delivered = F.sum("rows_in")
    wide = counts.groupBy("day", "kind").agg(
        delivered.cast("double").alias("|rows_in"),
        (F.sum("quarantined") / delivered).alias("|quarantined_share"),
        (F.sum("duplicates") / delivered).alias("|duplicate_share"),
    )
    metrics = [("", name) for name in ("rows_in", "quarantined_share", "duplicate_share")]
    return longer(wide, F.concat(F.lit("silver."), "kind"), metrics)


def content(kind: str) -> Column:
    """An order-free sum of row hashes, so that equal days have equal numbers."""
    names = [n for n, t in CONTRACT[kind].types.items() if n not in _NEW_IN_A_COPY and not t.startswith("map")]
    return F.pmod(F.sum(F.xxhash64(*names).cast("decimal(38,0)")), F.lit(_MODULUS))


def optional_columns(ctx: JobContext, kind: str) -> set[str]:
    """Columns the shop maps that a good row may leave empty."""
    mapped = {name for source in ctx.shop.sources.values() if source.kind == kind for name in source.columns}
    return mapped - set(CONTRACT[kind].required) - {"known_at"}


def all_days(ctx: JobContext) -> DataFrame:
    days = F.sequence(F.lit(ctx.window.start), F.lit(ctx.window.end - timedelta(days=1)))
    return ctx.spark.range(1).select(F.explode(days).alias("day"))


def in_window(ctx: JobContext, name: str) -> DataFrame:
    return ctx.read(name).where((F.col("day") >= ctx.window.start) & (F.col("day") < ctx.window.end))


def longer(wide: DataFrame, name: Column, figures: list[tuple[str, str]]) -> DataFrame:
    """One row a figure, of columns named `column|metric`."""
    each = [F.struct(F.lit(c).alias("column"), F.lit(m).alias("metric"), F.col(f"{c}|{m}").alias("value"))
            for c, m in figures]  # fmt: skip
    long = wide.select("day", name.alias("table"), F.explode(F.array(*each)).alias("figure"))
    return long.select("day", "table", "figure.*").where(F.col("value").isNotNull())


def recent(ctx: JobContext, figures: DataFrame, limits: Params) -> list[Row]:
    """The window's figures and those of the days before it, as far back as the judgement reaches."""
    first = ctx.window.end - timedelta(days=limits.judge_days + limits.past_days)
    columns = ["day", "table", "column", "metric", "value"]
    day = F.col("day")
    before = ctx.read("quality.table_health").where((day >= first) & (day < ctx.window.start)).select(*columns)
    return before.unionByName(figures.where(day >= first).select(*columns)).collect()


def by_series(rows: list[Row]) -> Figures:
    series: dict[tuple[str, str, str], dict[date, float]] = defaultdict(dict)
    for row in rows:
        series[row["table"], row["column"], row["metric"]][row["day"]] = row["value"]
    return series


def judge(ctx: JobContext, figures: Figures, limits: Params) -> list[Finding]:
    first = max(ctx.window.start, ctx.window.end - timedelta(days=limits.judge_days))
    days = [first + timedelta(days=i) for i in range((ctx.window.end - first).days)]
    tables = sorted({name for name, _, _ in figures})
    return [f for d in days for name in tables for f in findings(figures, name, d, ctx.shop.is_open, limits)]


def never_brought_in(ctx: JobContext, rows: list[Row]) -> list[Alarm]:
    missing = missing_days({row["day"] for row in rows}, ctx.window.start, ctx.shop.is_open)
    message = f"no run brought {len(missing)} open days in, {min(missing)} to {max(missing)}" if missing else ""
    return [Alarm("missing_day", str(min(missing)), message)] if missing else []


def as_alarms(found: list[Finding]) -> list[Alarm]:
    """One of each table and day: the first, which is the gravest."""
    gravest = {(one.table, one.day): one for one in reversed(found)}
    return [Alarm(f.kind, f"{f.table}{f.column and '.'}{f.column}", f"{f.day}: {f.message}") for f in gravest.values()]


def with_findings(ctx: JobContext, figures: DataFrame, found: list[Finding]) -> DataFrame:
    rows = [(f.day, f.table, f.column, f.metric, f.expected, f.kind) for f in found]
    keys = ["day", "table", "column", "metric"]
    schema = "day date, table string, column string, metric string, expected double, finding string"
    judged = figures.join(F.broadcast(ctx.spark.createDataFrame(rows, schema)), keys, "left")
    judged = judged.withColumns({"period": period(F.col("day"), ctx.shop.partition)} | constants(ctx))
    return judged.select(*table("quality.table_health").column_names)
