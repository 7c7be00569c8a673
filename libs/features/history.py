"""A user's events in order, each with its sign: what was given back is taken off, equal timestamps are one step.

Signs. Of a user's reviews of a product the latest decides whether the user dislikes it, whatever was bought since. A
product of which every purchase was wholly given back is disliked too, and no review changes that. Only events of sign 1
are what a user likes; a disliked product is never listed for that user, nor a reason.

A ledger is what one user took and saw, bounded: the newest rows whole, of older ones only sums and sets that no later
event can change. So tomorrow's ledger follows from today's and the day's delivery alone, and is the one that all events
together would give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.conf.shop import ShopConf
from libs.features.as_of import as_of
from libs.spark.columns import once

# Spark sorts by the first bytes of the first key, and compares whole rows where they are equal, as cut-offs mostly are.
_USER = ("user_id", "cutoff")
_LINE = (*_USER, "product_id", "event_time", "kind")
# What a line of a ledger is, in the order of features.user_ledger.
_FIELDS = ("event_time", "event_day", "product_id", "kind", "lines", "pieces", "amount", "rating", "returned")
_MONEY = "decimal(18,4)"


def delivered(events: DataFrame, cutoffs: Iterable[date]) -> DataFrame:
    """Rows of silver.events as lines of ledgers, each once for every cut-off that may know it; guests are left out.

    A return counts against the purchase that it was paired with (`purchase_time`); one without a pair takes nothing
    off. Lines with one key (_LINE) are still apart: `ledgers` adds them up.

    Returns:
        cutoff, user_id and _FIELDS; of a return only `returned` is set, and the key of its purchase.
    """
    back = F.col("kind") == "return"
    known = events.where(F.col("user_id").isNotNull() & (~back | F.col("purchase_time").isNotNull()))
    # Laid out by user before the cut-offs multiply the rows: what follows needs no second shuffle.
    return as_of(known.repartition("user_id"), cutoffs).select(
        *_USER,
        F.when(back, F.col("purchase_time")).otherwise(F.col("event_time")).alias("event_time"),
        F.when(~back, F.col("event_day")).alias("event_day"),
        "product_id",
        F.when(back, F.lit("purchase")).otherwise(F.col("kind")).alias("kind"),
        (~back).cast("bigint").alias("lines"),
        F.when(~back, F.col("quantity")).cast("bigint").alias("pieces"),
        F.when(~back, F.col("amount")).alias("amount"),
        F.when(~back, F.col("rating")).alias("rating"),
        F.when(back, F.col("quantity")).cast("bigint").alias("returned"),
    )


def ledgers(
    lines: DataFrame, shop: ShopConf, most_taken: int, most_seen: int, before: DataFrame | None = None
) -> DataFrame:
    """One row per cut-off and user of `lines`: the newest lines, whole, and what was taken before them.

    A line that was once among the older ones is there for ever, since only newer ones push it out. So a return that
    comes when its purchase is that old takes nothing off, whatever the ledger is made from.

    Args:
        lines: rows of `delivered`.
        most_taken, most_seen: lines kept whole of the shop's acting kinds, and of the others; they bound the row, so
            that a bot cannot blow up what reads it.
        before: ledgers that the lines come on top of, rows of users without new lines left out; None where the lines
            are all there are.

    Returns:
        cutoff, user_id, ledger and earlier_totals (see features.user_ledger).
    """
    if before is not None:
        lines = lines.unionByName(before.select(*_USER, F.inline("ledger")))
    merged = (
        lines.groupBy(*_LINE)
        .agg(
            F.min("event_day").alias("event_day"),
            F.sum("lines").alias("lines"),
            F.sum("pieces").alias("pieces"),
            F.sum("amount").cast(_MONEY).alias("amount"),
            F.min("rating").alias("rating"),  # a dislike stays one, in whatever order the lines come
            F.sum("returned").alias("returned"),
        )
        .where(F.col("event_day").isNotNull())  # a return whose purchase is not among the lines
        .withColumns({"acts": F.col("kind").isin(*shop.acting_kinds), "hashed": F.xxhash64("product_id")})
    )
    newest_first = Window.partitionBy(*_USER, "acts").orderBy(
        F.desc("event_time"), F.desc("hashed"), F.desc("product_id"), F.desc("kind")
    )
    order = ("event_time", "hashed", "product_id", "kind")
    line = F.struct(*order, *[name for name in _FIELDS if name not in order])
    kept = F.col("place") <= F.when(F.col("acts"), most_taken).otherwise(most_seen)
    taken = ~kept & F.col("kind").isin(*shop.acquiring_kinds)
    disliked = ~kept & (F.col("rating") <= shop.dislikes_to)
    found = (
        merged.withColumn("place", F.row_number().over(newest_first))
        .groupBy(*_USER)
        .agg(
            F.sort_array(F.collect_list(F.when(kept, line)), asc=False).alias("ledger"),
            F.struct(
                F.coalesce(F.sum(F.when(taken, F.col("lines"))), F.lit(0)).alias("lines"),
                F.sum(F.when(taken, F.col("amount"))).cast(_MONEY).alias("money"),
                F.sort_array(F.collect_set(F.when(taken, F.col("event_day")))).alias("days"),
                F.sort_array(F.collect_set(F.when(taken, F.col("product_id")))).alias("products"),
                F.sort_array(F.collect_set(F.when(disliked, F.col("product_id")))).alias("disliked"),
            ).alias("earlier_totals"),
        )
        .withColumn("ledger", F.transform("ledger", lambda e: F.struct(*[e[name].alias(name) for name in _FIELDS])))
    )
    if before is None:
        return found
    earlier = before.select(*_USER, F.col("earlier_totals").alias("earlier"))
    return (
        found.join(earlier, [*_USER], "left")
        .withColumn("earlier_totals", _both("earlier_totals", "earlier"))
        .drop("earlier")
    )


def _both(new: str, old: str) -> Column:
    """Two `earlier_totals` as one; the second may be null."""
    a, b = F.col(new), F.col(old)

    def joined(name: str) -> Column:
        return F.when(b.isNull(), a[name]).otherwise(F.sort_array(F.array_union(a[name], b[name])))

    return F.struct(
        (a["lines"] + F.coalesce(b["lines"], F.lit(0))).alias("lines"),
        sum_of_known(a["money"], b["money"]).alias("money"),
        joined("days").alias("days"),
        joined("products").alias("products"),
        joined("disliked").alias("disliked"),
    )


def sum_of_known(a: Column, b: Column) -> Column:
    """Two sums of money as one, in which null is nothing; null where both are: a shop without prices."""
    return F.coalesce(a + b, a, b).cast(_MONEY)


def folded(before: DataFrame, lines: DataFrame, shop: ShopConf, most_taken: int, most_seen: int) -> DataFrame:
    """Ledgers of every user: those with new lines made anew, those of the others as they were.

    Args:
        before: rows of features.user_ledger of one earlier cut-off, once for each cut-off wanted.
        lines: rows of `delivered` that those do not know.
    """
    touched = lines.select(*_USER).distinct()
    changed = ledgers(lines, shop, most_taken, most_seen, before.join(touched, [*_USER], "left_semi"))
    columns = (*_USER, "ledger", "earlier_totals")
    return before.join(touched, [*_USER], "left_anti").select(*columns).unionByName(changed.select(*columns))


def left(line: Column) -> Column:
    """Pieces of a ledger's line that were not given back (bigint); null where its kind has no pieces."""
    return line["pieces"] - _back(line)


def kept(line: Column) -> Column:
    """Whether a ledger's line was not wholly given back."""
    return left(line).isNull() | (left(line) > 0)


def amount(line: Column) -> Column:
    """What was paid for the pieces of a ledger's line that are left, at their mean price."""
    parted = (line["amount"] * left(line) / line["pieces"]).cast(_MONEY)
    return F.when(line["returned"].isNull(), line["amount"]).otherwise(parted)


def _back(line: Column) -> Column:
    """Pieces given back: never more than were bought."""
    return F.least(F.coalesce(line["returned"], F.lit(0)), line["pieces"])


def taken_lines(ledger: DataFrame, kinds: Collection[str]) -> DataFrame:
    """A row for each line of these kinds in features.user_ledger.

    Returns:
        cutoff, user_id, product_id, kind, event_day, rating, lines; kept (boolean); pieces and returned (bigint; null
        where the kind has no pieces), quantity and amount of what is left.
    """
    line = F.col("line")
    return (
        ledger.select(*_USER, F.explode("ledger").alias("line"))
        .where(line["kind"].isin(*kinds))
        .select(
            *_USER,
            *[line[name].alias(name) for name in ("product_id", "kind", "event_day", "rating", "lines", "pieces")],
            kept(line).alias("kept"),
            F.when(line["pieces"].isNotNull(), _back(line)).alias("returned"),
            left(line).alias("quantity"),
            amount(line).alias("amount"),
        )
    )


def _products(lines: Column) -> Column:
    return F.transform(lines, lambda e: e["product_id"])


def disliked_products(shop: ShopConf) -> Column:
    """Products that the user of a ledger dislikes or gave back (array<string>, sorted)."""
    rated = F.filter("ledger", lambda e: e["rating"].isNotNull())  # newest first
    bad = F.array_distinct(_products(F.filter(rated, lambda e: e["rating"] <= shop.dislikes_to)))

    def latest(product: Column) -> Column:
        return F.get(F.filter(rated, lambda e: e["product_id"] == product), F.lit(0))["rating"]

    by_stars = F.filter(bad, lambda product: latest(product) <= shop.dislikes_to)
    long_ago = F.array_except(F.col("earlier_totals")["disliked"], _products(rated))
    gone = _products(F.filter("ledger", lambda e: ~kept(e)))
    still_there = _products(F.filter("ledger", lambda e: left(e) > 0))
    given_back = F.array_except(gone, F.array_union(still_there, F.col("earlier_totals")["products"]))
    return F.sort_array(F.array_union(F.array_union(by_stars, long_ago), given_back))


def sign(line: Column, disliked: Column, shop: ShopConf) -> Column:
    """Of a ledger's line (int): 1 an act that likes, -1 one that stars or a return speak against, 0 neither.

    Args:
        disliked: the user's `disliked_products`.
    """
    stars = line["rating"]
    against = F.array_contains(disliked, line["product_id"]) | ~kept(line) | (stars <= shop.dislikes_to)
    likes = line["kind"].isin(*shop.acting_kinds)
    if not shop.neutral_counts:
        likes &= F.coalesce(stars >= shop.likes_from, F.lit(True))
    return F.when(against, -1).when(likes, 1).otherwise(0)


def liked_lines(ledger: DataFrame, shop: ShopConf) -> DataFrame:
    """Ledgers without the lines whose sign is not 1."""

    def liked(disliked: Column) -> Column:
        return F.filter("ledger", lambda e: sign(e, disliked, shop) == 1)

    return ledger.withColumn("ledger", once(disliked_products(shop), liked))


def histories(ledger: DataFrame, shop: ShopConf, most_events: int) -> DataFrame:
    """The last `most_events` lines of each ledger, oldest first, with their signs, and what is owned and disliked.

    Lines with one `event_time` are one step; steps count from 1 at the oldest kept. Inside a step products stand in the
    order of a hash, so that no order of delivery shows.

    Returns:
        cutoff, user_id, events (array of struct), owned, disliked (see features.user_history).
    """
    events = F.reverse(F.slice("ledger", 1, most_events))
    times = F.array_distinct(F.transform(events, lambda e: e["event_time"]))
    acquired = _products(F.filter("ledger", lambda e: e["kind"].isin(*shop.acquiring_kinds) & kept(e)))

    def of(disliked: Column) -> Column:
        def signed(times: Column) -> Column:
            return F.transform(
                events,
                lambda e: F.struct(
                    F.array_position(times, e["event_time"]).cast("int").alias("step"),
                    *[e[name].alias(name) for name in ("event_day", "product_id", "kind")],
                    left(e).cast("int").alias("quantity"),
                    amount(e).alias("amount"),
                    e["rating"].alias("rating"),
                    sign(e, disliked, shop).alias("sign"),
                ),
            )

        owned = F.array_except(F.array_union(acquired, F.col("earlier_totals")["products"]), disliked)
        return F.struct(
            once(times, signed).alias("events"), F.sort_array(owned).alias("owned"), disliked.alias("disliked")
        )

    return (
        ledger.where(F.size("ledger") > 0)
        .select(*_USER, once(disliked_products(shop), of).alias("history"))
        .select(*_USER, "history.*")
    )


def liked_events(kinds: Collection[str] | None = None) -> Column:
    """`events` of features.user_history whose sign is 1, of all kinds or of these."""

    def liked(e: Column) -> Column:
        return (e["sign"] == 1) if kinds is None else (e["sign"] == 1) & e["kind"].isin(*kinds)

    return F.filter("events", liked)


def familiar_products() -> Column:
    """What a user of features.user_history has, dislikes, or knows otherwise: by a review without a purchase, say."""
    tried = _products(F.filter("events", lambda e: (e["sign"] == 1) | e["rating"].isNotNull()))
    return F.array_union(F.array_union("owned", "disliked"), tried)


def unliked(kinds: Collection[str], *fields: str) -> Column:
    """Distinct values of `fields` in events of these kinds that no event of sign 1 shares (array of struct)."""

    def values(is_liked: bool) -> Column:
        chosen = F.filter("events", lambda e: e["kind"].isin(*kinds) & ((e["sign"] == 1) == F.lit(is_liked)))
        return F.transform(chosen, lambda e: F.struct(*[e[name].alias(name) for name in fields]))

    return F.array_except(values(False), values(True))
