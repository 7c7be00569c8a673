"""Gives products the integer ids that models need.

One row of training.vocabulary is one product as of one cut-off: its place among the shop's products by product_id,
from 1; 0 is padding.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.job import JobContext


def run(ctx: JobContext) -> None:
    ids = numbered(ctx.read_cutoffs("features.product_profile"))
    ctx.write("training.vocabulary", ids.withColumn("shop", F.lit(ctx.shop.name)))


def numbered(products: DataFrame) -> DataFrame:
    """cutoff, product_id, id. One task numbers a cut-off: it holds ids alone, the size of the catalogue."""
    place = F.row_number().over(Window.partitionBy("cutoff").orderBy("product_id"))
    return products.select("cutoff", "product_id", place.alias("id"))
