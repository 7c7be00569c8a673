"""States that rows tell one after the other: the newest one known as of a cut-off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.conf.shop import ShopConf
from libs.features.as_of import as_of


def told_order() -> Column:
    """When a silver row of a state was told; ties break by its id. Timeless rows are the oldest."""
    return F.struct("day", "known_at", "row_id")


def newest(column: str) -> Column:
    """Aggregate: the value of a column in the newest row that has one."""
    return F.max_by(column, F.when(F.col(column).isNotNull(), told_order()))


def catalogue_tells(shop: ShopConf, column: str) -> bool:
    """Whether a products source of the shop maps the column."""
    return any(source.kind == "products" and column in source.columns for source in shop.sources.values())


def price_history(products: DataFrame, days: DataFrame, catalogued: bool) -> DataFrame:
    """Rows that each tell a product's price: product_id, price, and the columns of `told_order` with `event_day`.

    Args:
        products: silver.products.
        days: features.product_days.
        catalogued: the shop's catalogue tells prices. Without that, the day's most frequent price of a piece sold is
            the price.
    """
    told = products
    if not catalogued:
        told = days.withColumn("known_at", F.col("event_day").cast("timestamp")).withColumns(
            {"day": F.greatest("day", "event_day"), "row_id": F.col("day").cast("string")}
        )
    told = told.where(F.col("price").isNotNull())
    return told.select("product_id", "price", "day", "event_day", "known_at", "row_id")


def prices_known(history: DataFrame, cutoffs: Iterable[date], days_before: int = 0) -> DataFrame:
    """The last price known `days_before` days before each cut-off: cutoff, product_id, price (decimal(18,4))."""
    known = as_of(history, cutoffs).where(F.col("day") < F.date_sub("cutoff", days_before))
    return known.groupBy("cutoff", "product_id").agg(newest("price").alias("price"))
