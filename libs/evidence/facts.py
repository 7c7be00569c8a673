"""Facts that may be cited for a recommended row: one function a family, each a DataFrame of the same columns.

user_id, product_id (of the recommended row), owned (the user has it), type, slots (map), about (product, user or pair),
about_user, about_product (whom the fact is about), support, contribution, source_table, source_keys (map). Facts with a
positive contribution are reasons; the rest is information.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from libs.features.history import taken_lines

Slots = Mapping[str, Column]


def _fact(
    rows: DataFrame,
    type: str,
    slots: Slots,
    about: str,
    table: str,
    keys: Slots,
    support: Column,
    contribution: Column | None = None,
) -> DataFrame:
    """Rows of one type; a slot that is null is left out of the map."""
    filled = F.map_filter(_map(slots), lambda _, value: value.isNotNull())
    nobody = F.lit(None).cast("string")
    return rows.select(
        "user_id",
        "product_id",
        "owned",
        F.lit(type).alias("type"),
        filled.alias("slots"),
        F.lit(about).alias("about"),
        (F.col("user_id") if about == "user" else nobody).alias("about_user"),
        (nobody if about == "user" else F.col("product_id")).alias("about_product"),
        F.coalesce(support.cast("bigint"), F.lit(1)).alias("support"),
        F.coalesce(contribution if contribution is not None else F.lit(0.0), F.lit(0.0)).alias("contribution"),
        F.lit(table).alias("source_table"),
        _map(keys).alias("source_keys"),
    )


def _map(values: Slots) -> Column:
    return F.create_map(*[part for name, value in values.items() for part in (F.lit(name), value.cast("string"))])


def _products(profile: DataFrame) -> DataFrame:
    return profile.select("product_id", "title", "brand", "category", "categories")


def anchored(rows: DataFrame, profile: DataFrame, pairs: DataFrame, action: str, k: int) -> list[DataFrame]:
    """Facts that cite a product of the user's own history.

    The contribution is the fall of the fused score when that product is taken out of the history: the sum over the
    sources whose score it carries. People behind a pair are needed for the first two; the rest speaks of the products.
    """
    named, verb = _products(profile), F.lit(action)
    carried = rows.select("user_id", "product_id", "owned", F.explode("attributions").alias("item"))
    anchors = (
        carried.groupBy("user_id", "product_id", "owned", F.col("item.product_id").alias("anchor_id"))
        .agg(F.sum("item.contribution").alias("contribution"))
        .join(F.broadcast(_renamed(named)), "anchor_id", "inner")
        .join(F.broadcast(named), "product_id", "inner")
    )
    people = pairs.where((F.col("people") >= k) & F.col("kind").isin("transition", "together")).select(
        "kind", F.col("anchor").alias("anchor_id"), "product_id", "people"
    )
    paired = anchors.join(people, ["anchor_id", "product_id"], "inner")
    same_brand = F.col("brand").isNotNull() & (F.col("brand") == F.col("anchor_brand"))
    shared = F.try_element_at(F.array_intersect("categories", "anchor_categories"), F.lit(-1))
    # The top level alone says nothing where the whole shop is one.
    deep = F.when(
        F.size(F.array_intersect("categories", "anchor_categories")) > 1, F.substring_index(shared, " > ", -1)
    )
    alike = anchors.withColumn("in_common", deep).where(same_brand | F.col("in_common").isNotNull())
    anchor, moved = F.col("anchor_title"), F.col("contribution")

    def pair(kind: str) -> Slots:
        return {"kind": F.lit(kind), "anchor": F.col("anchor_id"), "product_id": F.col("product_id")}

    slots = {"anchor": anchor, "support": F.col("people"), "action": verb}
    return [
        _fact(paired.where(F.col("kind") == kind), type, slots, "pair", "features.item_pairs", pair(kind),
              F.col("people"), moved)
        for kind, type in (("transition", "bought_next"), ("together", "bought_together"))
    ] + [
        _fact(
            alike,
            "similar_product",
            {
                "anchor": anchor,
                "shared": F.when(same_brand, F.col("brand")).otherwise(F.col("in_common")),
                "dimension": F.when(same_brand, F.lit("brand")).otherwise(F.lit("category")),
                "action": verb,
            },
            "pair",
            "features.product_profile",
            {"product_id": F.col("product_id"), "anchor": F.col("anchor_id")},
            F.lit(1),
            moved,
        ),
        _fact(anchors, "own_history", {"anchor": anchor, "action": verb}, "user", "features.user_history",
              {"user_id": F.col("user_id"), "product_id": F.col("anchor_id")}, F.lit(1), moved),
    ]  # fmt: skip


def _renamed(named: DataFrame) -> DataFrame:
    return named.select(
        F.col("product_id").alias("anchor_id"),
        F.col("title").alias("anchor_title"),
        F.col("brand").alias("anchor_brand"),
        F.col("categories").alias("anchor_categories"),
    )


def own_rhythm(rows: DataFrame, ledger: DataFrame, kinds: Collection[str], action: str) -> list[DataFrame]:
    """The user has the product and comes back for it; contributes what the repeat source gives.

    Of a product that was taken before the ledger's lines nobody knows how often: there is no such fact.
    """
    listed = rows.groupBy("user_id").agg(F.collect_set("product_id").alias("listed"))
    whole = ledger.join(listed, "user_id").withColumn(
        "listed", F.array_except("listed", F.col("earlier_totals")["products"])
    )
    lines = F.filter("ledger", lambda line: F.array_contains("listed", line["product_id"]))
    taken = taken_lines(whole.withColumn("ledger", lines), kinds).where("kept")
    days = taken.groupBy("user_id", "product_id", "cutoff").agg(F.sort_array(F.collect_set("event_day")).alias("days"))
    later, earlier = F.slice("days", F.lit(2), F.size("days")), F.slice("days", F.lit(1), F.size("days") - 1)
    gaps = F.sort_array(F.zip_with(later, earlier, F.date_diff))
    median = F.try_element_at(F.col("gaps"), ((F.size("gaps") + 1) / 2).cast("int"))
    known = (
        days.withColumn("gaps", gaps)
        .withColumn("every", F.when(F.size("gaps") > 0, median))
        .withColumn("since", F.date_diff("cutoff", F.array_max("days")))
    )
    own = rows.join(known.drop("cutoff"), ["user_id", "product_id"], "inner")
    slots = {
        "count": F.size("days"),
        "every_days": F.col("every"),
        "since_days": F.greatest("since", F.lit(1)),
        "action": F.lit(action),
    }
    keys = {"user_id": F.col("user_id"), "product_id": F.col("product_id")}
    return [_fact(own, "own_rhythm", slots, "user", "features.user_ledger", keys, F.size("days"), _part("repeat"))]


def _part(source: str) -> Column:
    """What a source gave to the fused score: its fall without the source."""
    return F.coalesce(F.try_element_at("contributions", F.lit(source)), F.lit(0.0))


def popularity(rows: DataFrame, profile: DataFrame, action: str) -> list[DataFrame]:
    """Trend, and rank in the category, of the last `recent_days`; they contribute what the two popular sources give."""
    category = F.get("categories", F.when(F.size("categories") > 1, F.lit(1)).otherwise(F.lit(0)))
    ranked = (
        profile.where(F.col("buyers_recent") > 0)
        .withColumn("group", category)
        .withColumn("rank", F.rank().over(Window.partitionBy("group").orderBy(F.desc("buyers_recent"))))
        .select("product_id", "buyers_recent", "recent_days", "group", F.col("rank").alias("place"))
    )
    known = rows.join(F.broadcast(ranked), "product_id", "inner")
    days, recent = F.col("recent_days"), F.col("buyers_recent")
    keys = {"product_id": F.col("product_id")}
    best = known.where(F.col("group").isNotNull() & (F.col("place") <= 10))
    slots = {"rank": F.col("place"), "category": F.substring_index("group", " > ", -1), "days": days}
    table = "features.product_profile"
    return [
        _fact(known, "trend", {"count": recent, "days": days, "action": F.lit(action)}, "product", table, keys, recent,
              _part("popular")),
        _fact(best, "rank_in_category", slots, "product", table, keys, recent, _part("popular_in_category")),
    ]  # fmt: skip


def praise(rows: DataFrame, profile: DataFrame) -> list[DataFrame]:
    """What reviews say of the product."""
    known = rows.join(
        F.broadcast(profile.select("product_id", "ratings", "rating_mean", "aspects")), "product_id", "inner"
    )
    keys, table = {"product_id": F.col("product_id")}, "features.product_profile"
    liked = known.where(F.col("rating_mean") >= 4)
    aspects = known.select("*", F.explode("aspects").alias("a")).where(F.col("a.praising") > 0)
    aspect_slots = {"aspect": F.col("a.aspect"), "praising": F.col("a.praising"), "mentioning": F.col("a.mentioning")}
    reviews = keys | {"aspect": F.col("a.aspect"), "reviews": F.array_join("a.review_ids", ",")}
    mean = {"mean": F.format_string("%.1f", "rating_mean"), "count": F.col("ratings")}
    return [
        _fact(liked, "rating_praise", mean, "product", table, keys, F.col("ratings")),
        _fact(aspects, "aspect_praise", aspect_slots, "product", table, reviews, F.col("a.praising")),
    ]


def tastes(rows: DataFrame, profile: DataFrame, taste: DataFrame, users: DataFrame, action: str) -> list[DataFrame]:
    """The product has a brand, category or price band that the user takes often: of all the user's products, for those
    whose brand nobody knows are the user's too.
    """
    products = profile.select(
        "product_id",
        F.explode(
            F.concat(
                F.array(_value("brand", F.col("brand")), _value("price_band", F.col("price_band"))),
                F.transform(F.slice("categories", 2, 10), lambda level: _value("category", level)),
            )
        ).alias("of"),
    ).select("product_id", "of.dimension", "of.value")
    known = rows.join(F.broadcast(products), "product_id", "inner")
    counts = taste.select("user_id", "dimension", "value", "count").join(
        users.select("user_id", F.col("products").alias("total")), "user_id", "inner"
    )
    own = counts.where((F.col("count") > 1) & (2 * F.col("count") >= F.col("total")) | (F.col("count") > 2))
    matched = known.join(own, ["user_id", "dimension", "value"])
    place = Window.partitionBy("user_id", "product_id", "dimension").orderBy(
        F.desc("count"), F.desc(F.length("value")), "value"
    )
    best = matched.withColumn("place", F.row_number().over(place)).where(F.col("place") == 1)
    shown = (
        F.when(F.col("dimension") == "category", F.substring_index("value", " > ", -1))
        .when(F.col("value") == "middle", F.lit("mid"))
        .otherwise(F.col("value"))
    )
    keys = {name: F.col(name) for name in ("user_id", "dimension", "value")}
    slots = {"value": shown, "count": F.col("count"), "total": F.col("total"), "action": F.lit(action)}
    return [
        _fact(best.where(F.col("dimension") == dimension), f"taste_{dimension}", slots, "user", "features.user_taste",
              keys, F.col("count"))
        for dimension in ("brand", "category", "price_band")
    ]  # fmt: skip


def _value(dimension: str, value: Column) -> Column:
    return F.struct(F.lit(dimension).alias("dimension"), value.alias("value"))


def prices(rows: DataFrame, profile: DataFrame, users: DataFrame, currency: str) -> list[DataFrame]:
    """The product costs clearly less than the user usually pays, or than it did."""
    known = rows.join(F.broadcast(profile.select("product_id", "price", "lowest_price_30d")), "product_id", "inner")
    usual = known.join(users.select("user_id", "usual_price"), "user_id", "inner")
    keys = {"product_id": F.col("product_id")}

    def money(column: str) -> Column:
        return F.col(column).cast("decimal(18,2)")

    def cheaper(than: str) -> Column:
        return (F.col("price") > 0) & (F.col("price") <= F.col(than) * F.lit(0.9))

    now = {"price": money("price"), "currency": F.lit(currency)}
    below, drop = usual.where(cheaper("usual_price")), known.where(cheaper("lowest_price_30d"))
    return [
        _fact(below, "price_below_usual", now | {"usual": money("usual_price")}, "user", "features.user_rfm",
              {"user_id": F.col("user_id")}, F.lit(1)),
        _fact(drop, "price_drop", now | {"before": money("lowest_price_30d")}, "product", "features.product_profile",
              keys, F.lit(1)),
    ]  # fmt: skip


def groups(rows: DataFrame, history: DataFrame, segments: DataFrame, edges: DataFrame, action: str) -> list[DataFrame]:
    """How many of the user's segment, and of the user's friends, took the product."""
    taken = history.select("user_id", F.explode("owned").alias("product_id"))
    own = segments.select("user_id", "segment", "segment_name")
    counts = taken.join(own, "user_id").groupBy("segment", "product_id").agg(F.count_distinct("user_id").alias("n"))
    in_segment = rows.join(own, "user_id", "inner").join(F.broadcast(counts), ["segment", "product_id"], "inner")
    others = F.col("n") - F.col("owned").cast("bigint")
    friends = (
        edges.select("user_id", "friend_id")
        .union(edges.select("friend_id", "user_id"))
        .distinct()
        .join(taken.withColumnRenamed("user_id", "friend_id"), "friend_id", "inner")
        .groupBy("user_id", "product_id")
        .agg(F.count_distinct("friend_id").alias("n"))
    )
    known = rows.join(friends, ["user_id", "product_id"], "inner")
    verb, keys = F.lit(action), {"user_id": F.col("user_id"), "product_id": F.col("product_id")}
    slots = {"segment": F.col("segment_name"), "count": others, "action": verb}
    return [
        _fact(in_segment.where(others > 0), "segment", slots, "user", "features.user_segment",
              {"segment": F.col("segment"), "product_id": F.col("product_id")}, others),
        _fact(known, "friends", {"count": F.col("n"), "action": verb}, "user", "silver.social_edges", keys, F.col("n")),
    ]  # fmt: skip
