"""Makes one stream of what users did, and pairs returns with the purchases they take back.

One row of silver.events is one thing that a user did with a product: an order line (a purchase, or a return if the
quantity is negative), a review, or an interaction. A return is an event on its own date; its purchase never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.ingest.returns import paired
from libs.job import JobContext
from libs.tables import table


@dataclass(frozen=True)
class Params:
    """return_days: a purchase may be returned this many days later."""

    return_days: int = 730


def run(ctx: JobContext) -> None:
    days = ctx.params(Params).return_days
    sources = [
        from_transactions(in_window(ctx, "transactions"), paired(in_window(ctx, "transactions", days), days)),
        in_window(ctx, "reviews").withColumn("kind", F.lit("review")),
        in_window(ctx, "interactions"),
    ]
    ctx.write("silver.events", reduce(DataFrame.unionByName, map(as_events, sources)))


def in_window(ctx: JobContext, kind: str, days_before: int = 0) -> DataFrame:
    """Silver rows of the window's days and of `days_before` days before them."""
    first = ctx.window.start - timedelta(days=days_before)
    return ctx.read(f"silver.{kind}").where((F.col("day") >= first) & (F.col("day") < ctx.window.end))


def from_transactions(lines: DataFrame, pairs: DataFrame) -> DataFrame:
    """Order lines as purchases and returns; quantity and amount of a return are positive."""
    pieces = F.abs("quantity")
    return lines.join(pairs, ["day", "row_id"], "left").withColumns(
        {
            "kind": F.when(F.col("quantity") < 0, "return").otherwise("purchase"),
            "basket_id": F.col("order_id"),
            "quantity": pieces,
            "amount": (pieces * F.col("price")).cast("decimal(18,4)"),
        }
    )


def as_events(rows: DataFrame) -> DataFrame:
    """The columns of silver.events; those that the rows lack are null."""
    columns = table("silver.events").columns
    return rows.select(
        *[F.col(c.name) if c.name in rows.columns else F.lit(None).cast(c.type).alias(c.name) for c in columns]
    )
