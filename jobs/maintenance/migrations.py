"""What turns a table of one schema version into the next: pure functions, one a step.

A change of a table's columns raises its `schema_version` in libs.tables and adds the step from the version before here.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.tables import SOURCES, Table

Migration = Callable[[DataFrame], DataFrame]


def added(column: str, type: str, value: object = None) -> Migration:
    """A step that adds a column, the same value in every old row."""
    return lambda rows: rows.withColumn(column, F.lit(value).cast(type))


def job_runs_with_cost(rows: DataFrame) -> DataFrame:
    """What a job read, wrote and used; unknown of the jobs that ran before."""
    for column, type in (
        ("bytes_read", "bigint"),
        ("bytes_written", "bigint"),
        ("cpu_seconds", "double"),
        ("peak_memory_bytes", "bigint"),
    ):
        rows = added(column, type)(rows)
    return rows


def job_runs_with_tasks(rows: DataFrame) -> DataFrame:
    """What a job held of a cluster; unknown of the jobs that ran before."""
    return added("task_seconds", "double")(added("bytes_shuffled", "bigint")(rows))


def renamed(old: str, new: str) -> Migration:
    """A step that gives a column its new name."""
    return lambda rows: rows.withColumnRenamed(old, new)


def dropped(column: str) -> Migration:
    """A step that drops a column."""
    return lambda rows: rows.drop(column)


_ATTRIBUTIONS = "array<struct<product_id:string,attribution_share:double>>"


def list_with_attributions(rows: DataFrame) -> DataFrame:
    """candidates.<source>: relative is normalized_score, carriers are attributions."""
    rows = rows.withColumnsRenamed({"relative": "normalized_score", "carriers": "attributions"})
    return rows.withColumn("attributions", F.col("attributions").cast(_ATTRIBUTIONS))


def pool_with_attributions(rows: DataFrame) -> DataFrame:
    """candidates.candidate_pool: the same, in each of its sources."""
    entry = f"array<struct<source:string,rank:int,normalized_score:double,attributions:{_ATTRIBUTIONS}>>"
    return rows.withColumn("sources", F.col("sources").cast(entry))


def evidence_with_review_ids(rows: DataFrame) -> DataFrame:
    """results.evidence: review ids are an array, no longer a key; the middle price band is called as in features."""
    cites = F.array_remove(F.split(F.col("source_keys")["reviews"], ","), "")
    keys = F.map_filter("source_keys", lambda key, _: key != "reviews")
    is_band = F.col("type") == "taste_price_band"
    slots = F.transform_values(
        "slots",
        lambda name, value: F.when(is_band & (name == "value") & (value == "mid"), F.lit("middle")).otherwise(value),
    )
    return rows.withColumns({"review_ids": cites, "source_keys": keys, "slots": slots})


def profile_with_variants(rows: DataFrame) -> DataFrame:
    """features.product_profile: the lowest price of 30 days is known of the nights to come."""
    rows = rows.drop("price_before").withColumn("lowest_price_30d", F.lit(None).cast("decimal(18,4)"))
    return rows.withColumn("title_key", F.lower("title"))


def ledger_with_dislikes(rows: DataFrame) -> DataFrame:
    """features.user_ledger: the next night makes the ledgers anew, since they were kept by other rules."""
    none = F.array().cast("array<string>")
    return rows.withColumn("earlier_totals", F.col("earlier_totals").withField("disliked", none))


def history_with_signs(rows: DataFrame) -> DataFrame:
    """features.user_history: every purchase and review was a liking, nothing was disliked."""
    sign = F.transform(
        "events", lambda e: e.withField("sign", F.when(e["kind"].isin("purchase", "review", "play"), 1).otherwise(0))
    )
    return rows.withColumn("events", sign).withColumn("disliked", F.array().cast("array<string>"))


# (table, version it comes from) -> what gives the next version's columns.
MIGRATIONS: dict[tuple[str, int], Migration] = {
    ("quality.job_runs", 1): job_runs_with_cost,
    ("quality.job_runs", 2): job_runs_with_tasks,
    **{(f"candidates.{source}", 1): list_with_attributions for source in SOURCES},
    ("candidates.candidate_pool", 1): pool_with_attributions,
    ("features.product_days", 1): renamed("takers", "buyers"),
    ("features.product_text", 1): dropped("tokens"),
    ("features.product_profile", 1): dropped("tokens"),
    ("features.product_days", 2): dropped("guests"),
    ("features.product_text", 2): lambda rows: rows.withColumn("title_key", F.lower("title")),
    ("features.product_profile", 2): profile_with_variants,
    ("features.user_ledger", 1): renamed("older", "earlier_totals"),
    ("features.user_ledger", 2): ledger_with_dislikes,
    ("features.user_history", 1): history_with_signs,
    ("bronze.social_edges", 1): added("directed", "string"),
    ("silver.social_edges", 1): added("directed", "boolean"),
    ("results.recommendations", 1): renamed("carriers", "attributions"),
    ("results.evidence", 1): evidence_with_review_ids,
    ("results.releases", 1): lambda rows: rows.withColumn("warnings", F.array().cast("array<string>")),
    ("quality.audits", 1): renamed("told", "message"),
}


def migrated(rows: DataFrame, table: Table, found: int) -> DataFrame:
    """Rows of schema version `found` with the present columns.

    Raises:
        OperatorError: the rows are of a newer version, or a step is missing.
    """
    if found > table.schema_version:
        raise OperatorError(
            f"{table.name} is of schema version {found}, this code knows {table.schema_version}: a warehouse does not"
            " go back; run the newer release of reasonrec"
        )
    for version in range(found, table.schema_version):
        step = MIGRATIONS.get((table.name, version))
        if step is None:
            raise OperatorError(f"{table.name}: nothing leads from schema version {version} to {version + 1}")
        rows = step(rows)
    return rows
