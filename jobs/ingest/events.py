"""Makes one stream of what users did, and pairs returns with the purchases they take back.

One row of silver.events is one thing a user did with a product: an order line (a purchase, or a return where the
quantity is negative), a review, an interaction. A return is a fact of its own date; its purchase is never changed.
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
    """return_days: a purchase may be taken back so many days later."""

    return_days: int = 730


def run(ctx: JobContext) -> None:
    reach = ctx.params(Params).return_days
    told = [
        from_transactions(of_window(ctx, "transactions"), paired(of_window(ctx, "transactions", reach), reach)),
        of_window(ctx, "reviews").withColumn("kind", F.lit("review")),
        of_window(ctx, "interactions"),
    ]
    ctx.write("silver.events", reduce(DataFrame.unionByName, map(as_events, told)))


def of_window(ctx: JobContext, kind: str, days_before: int = 0) -> DataFrame:
    """Silver rows of the window's days, and of the days before it."""
    first = ctx.window.start - timedelta(days=days_before)
    return ctx.read(f"silver.{kind}").where((F.col("day") >= first) & (F.col("day") < ctx.window.end))


def from_transactions(lines: DataFrame, pairs: DataFrame) -> DataFrame:
    """Order lines: purchases, and returns with pieces and amount positive."""
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
    """The events' columns; those the source does not tell are null."""
    columns = table("silver.events").columns
    return rows.select(
        *[F.col(c.name) if c.name in rows.columns else F.lit(None).cast(c.type).alias(c.name) for c in columns]
    )
