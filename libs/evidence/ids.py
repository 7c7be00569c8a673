"""Evidence ids."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_id(facts: DataFrame, shop: str) -> DataFrame:
    """Adds evidence_id, 24 hexadecimal digits: the same type, subject, source row and slots give the same in every run.

    The reviews that a fact cites are hashed as one more key of its source row.

    Args:
        facts: type, about_user, about_product, source_keys and slots (maps), review_ids (array or null).
    """
    reviews = F.create_map(F.lit("reviews"), F.array_join("review_ids", ","))
    cites_reviews = F.col("review_ids").isNotNull()
    keys = F.when(cites_reviews, F.map_concat("source_keys", reviews)).otherwise(F.col("source_keys"))
    parts = F.struct(
        F.lit(shop).alias("shop"),
        "type",
        "about_user",
        "about_product",
        _entries(keys).alias("source_keys"),
        _entries(F.col("slots")).alias("slots"),
    )
    return facts.withColumn("evidence_id", F.substring(F.sha2(F.to_json(parts), 256), 1, 24))


def _entries(map: Column) -> Column:
    """Equal maps may hold their entries in different orders."""
    return F.array_sort(F.map_entries(map))
