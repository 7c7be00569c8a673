"""Pseudonyms of one key turned into those of another."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.maintenance.erasure import PSEUDONYMS
from libs.evidence.ids import with_id
from libs.privacy.pseudonyms import with_pseudonym


def pseudonym_map(ids: list[DataFrame], old: str, new: str) -> DataFrame:
    """old, new: the pseudonyms of each id in the one-column frames `ids`."""
    everyone = reduce(DataFrame.union, ids).toDF("id").where(F.col("id").isNotNull()).select(F.trim("id").alias("id"))
    both = with_pseudonym(with_pseudonym(everyone.distinct(), "id", "old", old), "id", "new", new)
    return both.select("old", "new")


def unknown(rows: DataFrame, mapping: DataFrame) -> DataFrame:
    """Rows with a pseudonym that is neither an old nor a new one of the map."""
    known = mapping.select("old").union(mapping.select("new")).toDF("known").distinct()
    columns = [column for column in PSEUDONYMS if column in rows.columns]
    each = [rows.select(F.col(column).alias("known")).where(F.col("known").isNotNull()) for column in columns]
    return reduce(DataFrame.union, each).join(known, "known", "left_anti")


def translated(rows: DataFrame, column: str, mapping: DataFrame) -> DataFrame:
    """The column's old values become the new ones; others stay (what a run that died has done already)."""
    pairs = mapping.select(F.col("old").alias(column), F.col("new").alias("__new"))
    return rows.join(pairs, column, "left").withColumn(column, F.coalesce("__new", column)).drop("__new")


def with_pseudonyms(rows: DataFrame, mapping: DataFrame, key_id: str) -> DataFrame:
    """Rows of any table after bronze under the new key."""
    for column in PSEUDONYMS:
        if column in rows.columns:
            rows = translated(rows, column, mapping)
    if "key_id" in rows.columns:
        rows = rows.withColumn("key_id", F.when(F.col("key_id").isNotNull(), F.lit(key_id)))
    return rows


def evidence_with_pseudonyms(evidence: DataFrame, mapping: DataFrame, shop: str) -> DataFrame:
    """results.evidence under the new key, and `old_id`: an id is a hash of the fact, and of whom it is about."""
    about = translated(evidence.withColumn("old_id", F.col("evidence_id")), "user_id", mapping)
    keys = F.transform_values(
        "source_keys",
        lambda key, value: F.when((key == "user_id") & F.col("user_id").isNotNull(), F.col("user_id")).otherwise(value),
    )
    told = about.withColumn("source_keys", keys)
    return with_id(told.withColumns({"about_user": F.col("user_id"), "about_product": F.col("product_id")}), shop).drop(
        "about_user", "about_product"
    )
