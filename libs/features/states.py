"""States that rows tell one after the other: the newest one known as of a cut-off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pyspark.sql import Column, DataFrame, Window
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


def prices_known(history: DataFrame, cutoffs: Iterable[date]) -> DataFrame:
    """The last price known before each cut-off: cutoff, product_id, price (decimal(18,4))."""
    return as_of(history, cutoffs).groupBy("cutoff", "product_id").agg(newest("price").alias("price"))


def lowest_before(history: DataFrame, cutoffs: Iterable[date], days: int) -> DataFrame:
    """The lowest price that held in the `days` days before each cut-off, before the present price came.

    A price holds from the day it was told to the day before the next one. Without a change of price in those days a
    product has no row: nothing has dropped of late.

    Returns:
        cutoff, product_id, lowest (decimal(18,4)).
    """
    product = Window.partitionBy("cutoff", "product_id")
    in_order = product.orderBy("day", "known_at", "row_id")
    whole = product.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    told = as_of(history, cutoffs).withColumns(
        {
            "until": F.lead("day").over(in_order),
            "place": F.row_number().over(in_order),
            "now": F.max_by("price", told_order()).over(whole),
        }
    )
    last_other = F.max(F.when(F.col("price") != F.col("now"), F.col("place"))).over(whole)
    held = told.withColumn("last_other", last_other).where(F.col("place") <= F.col("last_other"))
    late = held.where(F.col("until") > F.date_sub("cutoff", days))
    return late.groupBy("cutoff", "product_id").agg(F.min("price").alias("lowest"))
