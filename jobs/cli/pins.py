"""Pins: a pinned release stays current even if newer ones are published."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.spark import delta
from libs.tables import table


def add_pin(spark: SparkSession, warehouse: str, shop: str, release_id: str | None, reason: str) -> None:
    """Adds a pin; a release_id of None removes the pin before it."""
    pins = table("results.pins")
    newest = delta.read(spark, warehouse, pins).where(F.col("shop") == shop).agg(F.max("seq").alias("seq")).first()
    seq = (newest["seq"] if newest and newest["seq"] else 0) + 1
    row = (shop, seq, release_id, reason, datetime.now(UTC))
    delta.write(spark, warehouse, pins, spark.createDataFrame([row], pins.ddl), shop)
