"""Facts that may be cited for a recommended row: the functions that gather them, several types each.

The declaration of a type (libs.explain.evidence_types) names its function. A fact has the columns surface, context,
user_id, product_id (of the recommended row), owned (the user has it), type, slots (map), about (product, user or pair),
about_user, about_product (whom it is about), support, contribution, source_table, source_keys (map), review_ids (null
where it cites no reviews). Facts with a positive contribution are reasons; the rest is information.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.conf import ShopConf
from libs.explain.evidence_types import EVIDENCE_TYPES
from libs.features.history import liked_events, taken_lines
from libs.tables import LIST_ROW

Columns = Mapping[str, Column]
_USUAL = 3  # purchases in a category from which there is a usual price


@dataclass(frozen=True)
class Inputs:
    """What facts are gathered from.

    Attributes:
        rows: recommended rows: user_id, product_id, owned, contributions, attributions.
        tables: the tables that the types declare, by name, as of tonight.
    """

    rows: DataFrame
    tables: Mapping[str, DataFrame]
    shop: ShopConf

    @property
    def profile(self) -> DataFrame:
        """Product profiles."""
        return self.tables["features.product_profile"]


class Facts(NamedTuple):
    """The facts of one type."""

    type: str
    rows: DataFrame


def _facts(
    inputs: Inputs,
    type: str,
    rows: DataFrame,
    slots: Columns,
    support: Column | None = None,
    contribution: Column | None = None,
    keys: Columns | None = None,
    review_ids: Column | None = None,
) -> Facts:
    """Facts of one type, one for each of the rows; a slot that is null is left out of the map.

    Args:
        slots: all that the type declares; `action` is the shop's where it is not given.
        keys: key columns of the source row that have another name in `rows`.

    Raises:
        ValueError: the slots are not the declared ones.
    """
    spec = EVIDENCE_TYPES[type]
    if "action" in spec.slots:
        slots = {"action": F.lit(inputs.shop.action), **slots}
    if slots.keys() != spec.slots.keys():
        raise ValueError(f"{type}: gathered slots {sorted(slots)}, declared {sorted(spec.slots)}")
    nobody = F.lit(None).cast("string")
    of_user = spec.subject == "user"
    facts = rows.select(
        *LIST_ROW,
        "owned",
        F.lit(type).alias("type"),
        F.map_filter(_map(slots), lambda _, value: value.isNotNull()).alias("slots"),
        F.lit(spec.subject).alias("about"),
        (F.col("user_id") if of_user else nobody).alias("about_user"),
        (nobody if of_user else F.col("product_id")).alias("about_product"),
        F.coalesce((F.lit(1) if support is None else support).cast("bigint"), F.lit(1)).alias("support"),
        F.coalesce(F.lit(0.0) if contribution is None else contribution, F.lit(0.0)).alias("contribution"),
        F.lit(spec.source).alias("source_table"),
        _map({name: (keys or {}).get(name, F.col(name)) for name in spec.keys}).alias("source_keys"),
        (F.lit(None) if review_ids is None else review_ids).cast("array<string>").alias("review_ids"),
    )
    return Facts(type, facts)


def _map(values: Columns) -> Column:
    return F.create_map(*[part for name, value in values.items() for part in (F.lit(name), value.cast("string"))])


def _products(profile: DataFrame) -> DataFrame:
    """product_id, title (null where the shop tells none), title_key, brand, categories."""
    titled = F.when(F.col("title") != F.col("product_id"), F.col("title"))
    return profile.select("product_id", titled.alias("title"), "title_key", "brand", "categories")


def _acts(inputs: Inputs) -> DataFrame:
    """user_id, anchor_id, action: what each user did with the products that he likes; the shop's action comes first.

    A product that a user dislikes or gave back has no row, so it is no reason.
    """
    kinds = F.collect_set("event.kind")
    done = F.coalesce(
        *[F.when(F.array_contains("kinds", kind), F.lit(kind)) for kind in (inputs.shop.action, "purchase")],
        F.lit("review"),
    )
    return (
        inputs.tables["features.user_history"]
        .select("user_id", F.explode(liked_events(inputs.shop.acting_kinds)).alias("event"))
        .groupBy("user_id", F.col("event.product_id").alias("anchor_id"))
        .agg(kinds.alias("kinds"))
        .select("user_id", "anchor_id", done.alias("action"))
    )


def anchored(inputs: Inputs) -> list[Facts]:
    """Facts that cite another product of the user's own history.

    The contribution is the fall of the fused score when that product is taken out of the history: the sum over the
    sources whose score it carries. A product is no reason for itself or its variants: own_rhythm says that.
    A statement about a pair counts people who acquired both, so it is made of anchors that the reader acquired too.
    """
    rows, products = inputs.rows, _products(inputs.profile)
    listed = F.broadcast(rows.select("product_id").distinct())
    pairs = inputs.tables["features.item_pairs"].join(listed, "product_id", "left_semi")
    carried = rows.select(*LIST_ROW, "owned", F.explode("attributions").alias("item"))
    anchors = (
        carried.groupBy(*LIST_ROW, "owned", F.col("item.product_id").alias("anchor_id"))
        .agg(F.sum("item.contribution").alias("contribution"))
        .join(_acts(inputs), ["user_id", "anchor_id"], "inner")
        .join(F.broadcast(_renamed(products)), "anchor_id", "inner")
        .join(F.broadcast(products), "product_id", "inner")
        .where(F.col("anchor_title_key") != F.col("title_key"))
    )
    enough = (F.col("people") >= inputs.shop.privacy.min_people) & F.col("kind").isin("transition", "together")
    people = pairs.where(enough).select("kind", F.col("anchor").alias("anchor_id"), "product_id", "people")
    acquired = anchors.where(F.col("action") == inputs.shop.action)
    paired = acquired.join(people, ["anchor_id", "product_id"], "inner")
    in_common = [
        _value("brand", F.when(F.col("brand") == F.col("anchor_brand"), F.col("brand"))),
        # The top level alone says nothing where the whole shop is one.
        _value(
            "category", F.try_element_at(F.array_except(_shared_categories(), F.slice("categories", 1, 1)), F.lit(-1))
        ),
    ]
    alike = (
        anchors.select("*", F.inline(F.array(*in_common)))
        .join(F.broadcast(_distinctive(inputs.profile)), ["dimension", "value"], "left_semi")
        .withColumn("first", F.row_number().over(Window.partitionBy(*LIST_ROW, "anchor_id").orderBy("dimension")))
        .where(F.col("first") == 1)
    )
    anchor = {"anchor": F.col("anchor_title"), "action": F.col("action")}
    moved, key = F.col("contribution"), {"anchor": F.col("anchor_id")}
    pair = {**anchor, "support": F.col("people")}
    likeness = {"shared": F.substring_index("value", " > ", -1), "dimension": F.col("dimension")}
    return [
        _facts(inputs, type, paired.where(F.col("kind") == kind), pair, F.col("people"), moved, key)
        for kind, type in (("transition", "bought_next"), ("together", "bought_together"))
    ] + [
        _facts(inputs, "similar_product", alike, {**anchor, **likeness}, None, moved, key),
        _facts(inputs, "own_history", anchors, anchor, None, moved, {"product_id": F.col("anchor_id")}),
    ]


def _shared_categories() -> Column:
    return F.array_intersect("categories", "anchor_categories")


def _distinctive(profile: DataFrame) -> DataFrame:
    """dimension, value: brands, categories and price bands that at most half of the catalogue has.

    What most products share says nothing of one of them.
    """
    products = profile.agg(F.count("*").alias("products"))
    counted = _values_of(profile).groupBy("dimension", "value").agg(F.count("*").alias("having"))
    return counted.crossJoin(products).where(2 * F.col("having") <= F.col("products")).select("dimension", "value")


def _values_of(profile: DataFrame) -> DataFrame:
    """product_id, dimension, value: a product's brand, price band and category levels."""
    levels = F.transform("categories", lambda level: _value("category", level))
    own = F.array(_value("brand", F.col("brand")), _value("price_band", F.col("price_band")))
    return profile.select("product_id", F.inline(F.concat(own, levels))).where(F.col("value").isNotNull())


def _renamed(products: DataFrame) -> DataFrame:
    names = ("title", "title_key", "brand", "categories")
    return products.select(
        F.col("product_id").alias("anchor_id"), *[F.col(name).alias(f"anchor_{name}") for name in names]
    )


def own_rhythm(inputs: Inputs) -> list[Facts]:
    """The user has the product and comes back for it; contributes what it gives to its own score, by repetition or
    in a model's eyes.

    How often is unknown of a product that was acquired before the ledger's lines too, and is left out.
    """
    rows, ledger = inputs.rows.where(F.col("owned")), inputs.tables["features.user_ledger"]
    listed = rows.groupBy("user_id").agg(F.collect_set("product_id").alias("listed"))
    whole = ledger.join(listed, "user_id")
    lines = F.filter("ledger", lambda line: F.array_contains("listed", line["product_id"]))
    taken = taken_lines(whole.withColumn("ledger", lines), inputs.shop.acquiring_kinds).where("kept")
    forgotten = F.explode(F.array_intersect("listed", "earlier_totals.products")).alias("product_id")
    earlier = whole.select("user_id", forgotten, F.lit(True).alias("forgotten"))
    days = taken.groupBy("user_id", "product_id", "cutoff").agg(F.sort_array(F.collect_set("event_day")).alias("days"))
    later, sooner = F.slice("days", F.lit(2), F.size("days")), F.slice("days", F.lit(1), F.size("days") - 1)
    gaps = F.sort_array(F.zip_with(later, sooner, F.date_diff))
    median = F.try_element_at(F.col("gaps"), ((F.size("gaps") + 1) / 2).cast("int"))
    rhythm = (
        days.withColumn("gaps", gaps)
        .withColumn("every", F.when(F.size("gaps") > 0, median))
        .withColumn("since", F.date_diff("cutoff", F.array_max("days")))
    )
    owned = rows.join(rhythm.drop("cutoff"), ["user_id", "product_id"], "inner").join(
        earlier, ["user_id", "product_id"], "left"
    )
    slots = {
        "count": F.when(F.col("forgotten").isNull(), F.size("days")),
        "every_days": F.col("every"),
        "since_days": F.greatest("since", F.lit(1)),
    }
    itself = F.filter("attributions", lambda item: item["product_id"] == F.col("product_id"))
    moved = F.aggregate(itself, F.lit(0.0), lambda total, item: total + item["contribution"])
    return [_facts(inputs, "own_rhythm", owned, slots, F.size("days"), F.greatest(_part("repeat"), moved))]


def _part(source: str) -> Column:
    """What a source gave to the fused score: its fall without the source."""
    return F.coalesce(F.try_element_at("contributions", F.lit(source)), F.lit(0.0))


def popularity(inputs: Inputs) -> list[Facts]:
    """Trend, and rank in the category, of the last `recent_days`; they contribute what the two popular sources give."""
    category = F.get("categories", F.when(F.size("categories") > 1, F.lit(1)).otherwise(F.lit(0)))
    ranked = (
        inputs.profile.where(F.col("buyers_recent") > 0)
        .withColumn("group", category)
        .withColumn("rank", F.rank().over(Window.partitionBy("group").orderBy(F.desc("buyers_recent"))))
        .select("product_id", "buyers_recent", "recent_days", "group", F.col("rank").alias("place"))
    )
    taken = inputs.rows.join(F.broadcast(ranked), "product_id", "inner")
    days, recent = F.col("recent_days"), F.col("buyers_recent")
    best = taken.where(F.col("group").isNotNull() & (F.col("place") <= 10))
    trend = {"count": recent, "days": days}
    rank = {"rank": F.col("place"), "category": F.substring_index("group", " > ", -1), "days": days}
    return [
        _facts(inputs, "trend", taken, trend, recent, _part("popular")),
        _facts(inputs, "rank_in_category", best, rank, recent, _part("popular_in_category")),
    ]


def praise(inputs: Inputs) -> list[Facts]:
    """What reviews say of the product."""
    profile = inputs.profile.select("product_id", "ratings", "rating_mean", "aspects")
    rated = inputs.rows.join(F.broadcast(profile), "product_id", "inner")
    liked = rated.where(F.col("rating_mean") >= inputs.shop.likes_from)
    # Rounded down: 4.96 is not 5 out of 5. First to six places, so that 4.6 is no 4.5999.
    tenths = F.floor(F.round(F.col("rating_mean") * 10, 6))
    mean = {"mean": F.format_string("%.1f", tenths / 10), "count": F.col("ratings")}
    aspects = rated.select("*", F.explode("aspects").alias("a")).where(F.col("a.praising") > 0)
    aspect = {name: F.col(f"a.{name}") for name in ("aspect", "praising", "mentioning")}
    return [
        _facts(inputs, "rating_praise", liked, mean, F.col("ratings")),
        _facts(inputs, "aspect_praise", aspects, aspect, F.col("a.praising"), None, {"aspect": F.col("a.aspect")},
               F.col("a.review_ids")),
    ]  # fmt: skip


def tastes(inputs: Inputs) -> list[Facts]:
    """The product has a brand, category or price band that the user takes often: of all the user's products, for those
    whose brand nobody knows are the user's too.
    """
    taste, users = inputs.tables["features.user_taste"], inputs.tables["features.user_rfm"]
    # A category's top level says nothing where the whole shop is one.
    products = _values_of(inputs.profile.withColumn("categories", F.slice("categories", 2, 10)))
    products = products.join(F.broadcast(_distinctive(inputs.profile)), ["dimension", "value"], "left_semi")
    rows = inputs.rows.join(F.broadcast(products), "product_id", "inner")
    counts = taste.select("user_id", "dimension", "value", "count").join(
        users.select("user_id", F.col("products").alias("total")), "user_id", "inner"
    )
    frequent = counts.where((F.col("count") > 1) & (2 * F.col("count") >= F.col("total")) | (F.col("count") > 2))
    matched = rows.join(frequent, ["user_id", "dimension", "value"])
    place = Window.partitionBy(*LIST_ROW, "dimension").orderBy(F.desc("count"), F.desc(F.length("value")), "value")
    best = matched.withColumn("place", F.row_number().over(place)).where(F.col("place") == 1)
    value = F.when(F.col("dimension") == "category", F.substring_index("value", " > ", -1)).otherwise(F.col("value"))
    slots = {"value": value, "count": F.col("count"), "total": F.col("total")}
    return [
        _facts(inputs, f"taste_{dimension}", best.where(F.col("dimension") == dimension), slots, F.col("count"))
        for dimension in ("brand", "category", "price_band")
    ]


def _value(dimension: str, value: Column) -> Column:
    return F.struct(F.lit(dimension).alias("dimension"), value.alias("value"))


def prices(inputs: Inputs) -> list[Facts]:
    """The product costs clearly less than the user usually pays in its category, or than it did in the last 30 days."""
    profile = inputs.profile.select("product_id", "category", "price", "lowest_price_30d")
    priced = inputs.rows.join(F.broadcast(profile), "product_id", "inner")
    usual = priced.join(_usual_prices(inputs), ["user_id", "category"], "inner")

    def money(column: str) -> Column:
        return F.col(column).cast("decimal(18,2)")

    def cheaper(than: str) -> Column:
        return (F.col("price") > 0) & (F.col("price") <= F.col(than) * F.lit(0.9))

    now = {"price": money("price"), "currency": F.lit(inputs.shop.currency)}
    below, drop = usual.where(cheaper("usual_price")), priced.where(cheaper("lowest_price_30d"))
    return [
        _facts(inputs, "price_below_usual", below, {**now, "usual": money("usual_price")}),
        _facts(inputs, "price_drop", drop, {**now, "before": money("lowest_price_30d")}),
    ]


def _usual_prices(inputs: Inputs) -> DataFrame:
    """user_id, category, usual_price: the median paid for a piece in a category, of at least _USUAL purchases there."""
    listed = inputs.rows.select("user_id").distinct()
    ledger = inputs.tables["features.user_ledger"].join(listed, "user_id", "left_semi")
    paid = taken_lines(ledger, ("purchase",)).where(F.col("kept") & (F.col("amount") > 0))
    categories = inputs.profile.select("product_id", "category").where(F.col("category").isNotNull())
    price = F.percentile((F.col("amount") / F.col("quantity")).cast("double"), F.lit(0.5))
    return (
        paid.join(F.broadcast(categories), "product_id", "inner")
        .groupBy("user_id", "category")
        .agg(price.cast("decimal(18,4)").alias("usual_price"), F.count("*").alias("purchases"))
        .where(F.col("purchases") >= _USUAL)
    )


def groups(inputs: Inputs) -> list[Facts]:
    """How many of the user's segment, and of the user's friends, took the product."""
    rows = inputs.rows
    # Trust that points one way is no friendship.
    edges = inputs.tables["silver.social_edges"].where(~F.coalesce("directed", F.lit(False)))
    history = inputs.tables["features.user_history"]
    taken = history.select("user_id", F.explode("owned").alias("product_id"))
    segments = inputs.tables["features.user_segment"].select("user_id", "segment", "segment_name")
    counts = (
        taken.join(segments, "user_id").groupBy("segment", "product_id").agg(F.count_distinct("user_id").alias("n"))
    )
    in_segment = rows.join(segments, "user_id", "inner").join(F.broadcast(counts), ["segment", "product_id"], "inner")
    others = F.col("n") - F.col("owned").cast("bigint")
    friends = (
        edges.select("user_id", "friend_id")
        .union(edges.select("friend_id", "user_id"))
        .distinct()
        .join(taken.withColumnRenamed("user_id", "friend_id"), "friend_id", "inner")
        .groupBy("user_id", "product_id")
        .agg(F.count_distinct("friend_id").alias("n"))
    )
    of_friends = rows.join(friends, ["user_id", "product_id"], "inner")
    segment = {"segment": F.col("segment_name"), "count": others}
    return [
        _facts(inputs, "segment", in_segment.where(others > 0), segment, others),
        _facts(inputs, "friends", of_friends, {"count": F.col("n")}, F.col("n")),
    ]
