"""Returns paired with the purchases they take back."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

_KEY = ["user_id", "product_id"]
_PAIRED = "day date, row_id string, purchase_time timestamp"


def paired(lines: DataFrame, reach_days: int) -> DataFrame:
    """Of each return that could be paired: day, row_id, purchase_time.

    A return takes pieces back from the most recent purchase of the user and product, not later than itself, that still
    has some, then from the one before; `purchase_time` is the first of these. Lines are taken in the order in which
    they became known, and a purchase more than `reach_days` before the return is left alone. So what a return finds
    depends on nothing that became known later, nor on where the lines given begin, if that is `reach_days` before the
    first return.

    Args:
        lines: silver.transactions of any days, quantity negative for a return.
    """
    known = lines.where(F.col("user_id").isNotNull()).select(
        *_KEY, "day", "event_time", "quantity", "row_id", F.unix_micros("event_time").alias("micros")
    )
    # Groups lie whole and in order in a partition, so that a stream over it needs the stack of one group alone. A
    # window holds them together. A repartition after a join by the same columns would not: Spark drops it as needless,
    # and then the join may turn out to be one that parts them (a broadcast, with a local read of the shuffle).
    least = F.min("quantity").over(Window.partitionBy(*_KEY))
    ordered = (
        known.withColumn("least", least)
        .where(F.col("least") < 0)
        .select(
            *_KEY, F.datediff("day", F.lit("1970-01-01")).alias("day_number"), "day", "micros", "quantity", "row_id"
        )
        .sortWithinPartitions(*_KEY, "day", "micros", F.desc("quantity"), "row_id")
    )

    def pair(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        key, stack = None, []  # type: ignore[var-annotated]
        for batch in batches:
            found = []
            for user, product, number, day, micros, quantity, row_id in batch.itertuples(index=False):
                if (user, product) != key:
                    key, stack = (user, product), []
                if quantity > 0:
                    insort(stack, [number, micros, quantity])
                elif (bought := take_back(stack, number - reach_days, micros, -quantity)) is not None:
                    found.append((day, row_id, pd.Timestamp(bought, unit="us", tz="UTC")))
            yield pd.DataFrame(found, columns=["day", "row_id", "purchase_time"])

    return ordered.mapInPandas(pair, _PAIRED)


def take_back(stack: list[list[int]], first_day: int, at: int, pieces: int) -> int | None:
    """Takes pieces off the newest purchases made up to an instant; the instant of the first, or None.

    A shop that tells dates alone has a purchase and its return at one instant.

    Args:
        stack: [day known, instant, pieces left] of each purchase, oldest first; what is used up is removed.
        first_day: purchases known on an earlier day are left alone.
        at: the return's instant.
    """
    first = None
    for i in range(len(stack) - 1, -1, -1):
        day, instant, left = stack[i]
        if day < first_day or pieces == 0:
            break
        if instant > at:
            continue
        first = instant if first is None else first
        taken = min(left, pieces)
        pieces -= taken
        stack[i][2] -= taken
    stack[:] = [purchase for purchase in stack if purchase[2] > 0]
    return first
