"""Evidence ids."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_id(found: DataFrame, shop: str) -> DataFrame:
    """Adds evidence_id, 24 hexadecimal digits: the same type, subject, source row and slots give the same in every run.

    Args:
        found: type, about_user, about_product, source_keys and slots (maps), and any others.
    """
    parts = F.struct(
        F.lit(shop).alias("shop"),
        "type",
        "about_user",
        "about_product",
        _entries("source_keys").alias("source_keys"),
        _entries("slots").alias("slots"),
    )
    return found.withColumn("evidence_id", F.substring(F.sha2(F.to_json(parts), 256), 1, 24))


def _entries(map: str) -> Column:
    """Equal maps may hold their entries in different orders."""
    return F.array_sort(F.map_entries(map))
