"""Holds each day's delivery against the days before it; raises alarms.

One row of quality.table_health is one figure of one day's rows of a silver table: number of rows, share of nulls, share
of duplicates, medians of key columns. Only the window's rows are read; the past comes from this table itself. The
checks and their formulas are in libs.quality.health. A table and day raise at most one alarm, for the most severe
finding; `finding` has all of them.
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
# Columns that may differ when a day is delivered again under another date.
_REWRITTEN_IN_COPIES = ("event_time", "known_at", "order_id", "line_id", "ticket_id", "release_id")
_MODULUS = 2**52  # a double represents every whole number below this exactly


def run(ctx: JobContext) -> None:
    limits = ctx.params(Params)
    figures = daily_figures(ctx).persist()
    rows = recent(ctx, figures, limits)
    outliers = find_outliers(ctx, by_series(rows), limits)
    ctx.write("quality.table_health", with_findings(ctx, figures, outliers))
    ctx.alarms += [*missing_day_alarms(ctx, rows), *as_alarms(outliers)]
    figures.unpersist()


def daily_figures(ctx: JobContext) -> DataFrame:
    """day, table, column, metric, value for all days of the window, including days without rows."""
    kinds = sorted(kind for kind in ctx.shop.kinds() if not CONTRACT[kind].snapshot)
    by_kind = [silver_figures(ctx, kind) for kind in kinds]
    return reduce(DataFrame.unionByName, [*by_kind, ingest_figures(ctx, kinds)])


def silver_figures(ctx: JobContext, kind: str) -> DataFrame:
    """Figures of silver.<kind>, a kind of events; a figure without a value (a median of nulls) is left out."""
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
    return unpivot(wide, F.lit(f"silver.{kind}"), list(figures))


def ingest_figures(ctx: JobContext, kinds: list[str]) -> DataFrame:
    """Rows delivered, and the shares of quarantined and duplicate rows, per kind over all its sources."""
    counts = in_window(ctx, "quality.ingest_counts").where(F.col("kind").isin(kinds) & (F.col("rows_in") > 0))
    delivered = F.sum("rows_in")
    wide = counts.groupBy("day", "kind").agg(
        delivered.cast("double").alias("|rows_in"),
        (F.sum("quarantined") / delivered).alias("|quarantined_share"),
        (F.sum("duplicates") / delivered).alias("|duplicate_share"),
    )
    metrics = [("", name) for name in ("rows_in", "quarantined_share", "duplicate_share")]
    return unpivot(wide, F.concat(F.lit("silver."), "kind"), metrics)


def content(kind: str) -> Column:
    """A sum of row hashes that does not depend on row order, so days with equal rows have equal sums."""
    names = [n for n, t in CONTRACT[kind].types.items() if n not in _REWRITTEN_IN_COPIES and not t.startswith("map")]
    return F.pmod(F.sum(F.xxhash64(*names).cast("decimal(38,0)")), F.lit(_MODULUS))


def optional_columns(ctx: JobContext, kind: str) -> set[str]:
    """Columns that the shop maps and that a good row may leave empty."""
    mapped = {name for source in ctx.shop.sources.values() if source.kind == kind for name in source.columns}
    return mapped - set(CONTRACT[kind].required) - {"known_at"}


def all_days(ctx: JobContext) -> DataFrame:
    days = F.sequence(F.lit(ctx.window.start), F.lit(ctx.window.end - timedelta(days=1)))
    return ctx.spark.range(1).select(F.explode(days).alias("day"))


def in_window(ctx: JobContext, name: str) -> DataFrame:
    return ctx.read(name).where((F.col("day") >= ctx.window.start) & (F.col("day") < ctx.window.end))


def unpivot(wide: DataFrame, name: Column, figures: list[tuple[str, str]]) -> DataFrame:
    """One row per figure, from columns named `column|metric`."""
    structs = [F.struct(F.lit(c).alias("column"), F.lit(m).alias("metric"), F.col(f"{c}|{m}").alias("value"))
               for c, m in figures]  # fmt: skip
    long = wide.select("day", name.alias("table"), F.explode(F.array(*structs)).alias("figure"))
    return long.select("day", "table", "figure.*").where(F.col("value").isNotNull())


def recent(ctx: JobContext, figures: DataFrame, limits: Params) -> list[Row]:
    """The window's figures and those of the days before it, as far back as the checks need."""
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


def find_outliers(ctx: JobContext, figures: Figures, limits: Params) -> list[Finding]:
    """The outliers of the window's last `judge_days` days, over all tables."""
    first = max(ctx.window.start, ctx.window.end - timedelta(days=limits.judge_days))
    days = [first + timedelta(days=i) for i in range((ctx.window.end - first).days)]
    tables = sorted({name for name, _, _ in figures})
    return [f for d in days for name in tables for f in findings(figures, name, d, ctx.shop.is_open, limits)]


def missing_day_alarms(ctx: JobContext, rows: list[Row]) -> list[Alarm]:
    """An alarm if open days before the window were never ingested."""
    missing = missing_days({row["day"] for row in rows}, ctx.window.start, ctx.shop.is_open)
    message = f"no run has ingested {len(missing)} open days, {min(missing)} to {max(missing)}" if missing else ""
    return [Alarm("missing_day", str(min(missing)), message)] if missing else []


def as_alarms(outliers: list[Finding]) -> list[Alarm]:
    """One alarm per table and day, for the first finding, which is the most severe."""
    worst = {(finding.table, finding.day): finding for finding in reversed(outliers)}
    return [Alarm(f.kind, f"{f.table}{f.column and '.'}{f.column}", f"{f.day}: {f.message}") for f in worst.values()]


def with_findings(ctx: JobContext, figures: DataFrame, outliers: list[Finding]) -> DataFrame:
    """The rows of quality.table_health: the window's figures, outliers with `expected` and `finding`."""
    rows = [(f.day, f.table, f.column, f.metric, f.expected, f.kind) for f in outliers]
    keys = ["day", "table", "column", "metric"]
    schema = "day date, table string, column string, metric string, expected double, finding string"
    checked = figures.join(F.broadcast(ctx.spark.createDataFrame(rows, schema)), keys, "left")
    checked = checked.withColumns({"period": period(F.col("day"), ctx.shop.partition)} | constants(ctx))
    return checked.select(*table("quality.table_health").column_names)
