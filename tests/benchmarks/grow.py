"""Grows a real shop to more users, products and events in the shop's source format, and compares it with the real one.

    PYTHONPATH=. python tests/benchmarks/grow.py --shop online_retail --events 1000000 --out /tmp/grown

Each real history (a user's, or a guest's order) is copied several times for new users. Each product becomes several
clones that share its copied events equally, so the popularity curve is preserved. Two products of a history mostly get
clones of the same number, so pairs and neighbourhoods are preserved. So that copies are not identical, one (user,
product) pair in ten gets another product, drawn by popularity, and some words of a copied text are replaced by other
words of the shop.

Every choice is a hash of the seed and of the row it is for, so the rows do not depend on partitions. Only data of the
real shop's size (histories, products, words) is sorted or shuffled; what grows is mapped row by row and written by
Spark. The nightly run reads the delivery with `conf/shops/<shop>.yaml` and changed source paths (`grown_conf`).
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from libs.conf import load
from libs.spark.session import build_session

ROOT = Path(__file__).resolve().parents[2]
RETAIL = ROOT.parent / "shared" / "data" / "online_retail"
MUSIC = ROOT / "samples" / "music_store"
MIXED = 0.1  # share of a copy's (user, product) pairs that get another product
APART = 0.3  # share of pairs whose clone is chosen independently of the history's other products
REWORDED = 0.1  # share of a copied text's words that are replaced
POOL = 2_000  # words that may replace others, drawn by frequency
PER_TASK = 250_000  # grown events that one task creates and writes
PARTS = 1 << 30

# Largest allowed distances between the real and the grown shop.
LIMITS = {
    "events per user": 0.03,
    "popularity of products": 0.05,
    "share of repeats": 0.05,
    "rows per order": 0.03,
    "price of an event": 0.05,
    "words per text": 0.03,
    "use of words": 0.15,
    "weekdays": 0.03,
    "months": 0.03,
}


@dataclass(frozen=True)
class Size:
    """The size of a grown shop.

    Attributes:
        events: approximate number.
        users: None grows users as events, so that a user has as many events as a real one. Fewer users have several
            histories each; more are not possible.
        products: no fewer than the real shop has; None grows them as events.
    """

    events: int
    users: int | None = None
    products: int | None = None
    seed: int = 7


@dataclass(frozen=True)
class Skew:
    """Skews added to the real shop's own.

    Attributes:
        hot_product: share of events that go to one product.
        bot: events of one additional user.
        category: share of products moved into one category.
        day: factor by which one day has more events than usual.
    """

    hot_product: float = 0.0
    bot: int = 0
    category: float = 0.0
    day: int = 1


@dataclass(frozen=True)
class Shop:
    """A shop as delivered, with columns common to all shops in addition to its own.

    Attributes:
        events: rows with user (null for a guest), order, product, code (the product as the source writes it), sold
            (whether the row is merchandise), time, text, price.
        catalogue: products, or None if they are only in the events.
        texts: text columns of the catalogue.
        of_product: columns of an event that depend on its product.
        delivered: maps (grown rows, pool of words) to the source's columns.
    """

    name: str
    events: DataFrame
    catalogue: DataFrame | None
    texts: tuple[str, ...]
    of_product: tuple[str, ...]
    delivered: Callable[[DataFrame, Column], DataFrame]


def online_retail(spark: SparkSession, folder: Path = RETAIL) -> Shop:
    """The products are only in the transactions. Codes that are not merchandise (postage, fees) are not cloned or mixed."""
    events = spark.read.parquet((folder / "transactions.parquet").as_uri()).withColumns(
        {
            "user": F.col("CustomerID").cast("bigint").cast("string"),
            "order": F.col("InvoiceNo"),
            "product": F.upper("StockCode"),
            "code": F.col("StockCode"),
            "sold": F.upper("StockCode").rlike("^([0-9]{5}|DCGS|PADS)"),
            "time": F.col("InvoiceDate"),
            "text": F.col("Description"),
            "price": F.col("UnitPrice"),
        }
    )
    return Shop("online_retail", events, None, (), ("text", "price"), _transaction)


def _transaction(grown: DataFrame, words: Column) -> DataFrame:
    minute = F.make_interval(mins=hashed("minute", "number", "order", below=60))  # keeps day and hour
    return grown.select(
        F.concat_ws("-", "order", "copy").alias("InvoiceNo"),
        cloned("code").alias("StockCode"),
        F.when(F.col("clone") == 0, F.col("text"))
        .otherwise(reworded("text", words, "product", "clone"))
        .alias("Description"),
        "Quantity",
        (F.date_trunc("hour", "time") + minute).cast("timestamp_ntz").alias("InvoiceDate"),
        F.col("price").alias("UnitPrice"),
        (F.col("user_number") + 10_000).cast("double").alias("CustomerID"),
        "Country",
    )


def music_store(spark: SparkSession, folder: Path = MUSIC) -> Shop:
    """Reviews and a catalogue; the price of an event is its product's."""
    ending = ".gz" if folder == MUSIC else ""
    products = spark.read.json((folder / f"products.jsonl{ending}").as_uri())
    products = products.select("asin", "title", "price", "categories", "description", "brand")
    reviews = spark.read.json((folder / f"reviews.jsonl{ending}").as_uri())
    events = reviews.join(F.broadcast(products.select("asin", "price")), "asin", "left").withColumns(
        {
            "user": F.col("reviewerID"),
            "order": F.concat_ws("-", "reviewerID", F.col("unixReviewTime").cast("string")),
            "product": F.col("asin"),
            "code": F.col("asin"),
            "sold": F.lit(True),
            "time": F.timestamp_seconds(F.col("unixReviewTime").cast("bigint")),
            "text": F.col("reviewText"),
        }
    )
    return Shop("music_store", events, products, ("title", "description"), (), _review)


def _review(grown: DataFrame, words: Column) -> DataFrame:
    first, key = F.col("copy") == "0", ("number", "product", "order")
    return grown.select(
        F.concat(F.lit("U"), F.col("user_number")).alias("reviewerID"),
        cloned("code").alias("asin"),
        "helpful",
        F.when(first, F.col("text")).otherwise(reworded("text", words, *key)).alias("reviewText"),
        "overall",
        F.when(first, F.col("summary")).otherwise(reworded("summary", words, *key)).alias("summary"),
        "unixReviewTime",
    )


SHOPS: dict[str, Callable[..., Shop]] = {"online_retail": online_retail, "music_store": music_store}


def grow(shop: Shop, size: Size, skew: Skew | None = None) -> tuple[DataFrame, DataFrame | None]:
    """(events, catalogue) of the grown shop in its source's columns.

    Raises:
        ValueError: more users than histories, fewer products than the real shop has, or a skew that the shop cannot
            have.
    """
    skew, seed = skew or Skew(), F.lit(size.seed)
    rows = shop.events.withColumns({"seed": seed, "history": F.coalesce("user", "order")})
    sold = F.col("sold")
    real = rows.agg(
        F.count("*").alias("events"),
        F.count_distinct("user").alias("users"),
        F.count_distinct("history").alias("histories"),
        F.count_distinct(F.when(sold, F.col("product"))).alias("products"),
        F.sum(sold.cast("int")).alias("slots"),
    ).first()
    assert real is not None
    times = size.events / real["events"]
    most, clones = math.ceil(times) * real["users"], (size.products or 0) / real["products"] or max(times, 1.0)
    if size.users and size.users > most:
        raise ValueError(f"{size.events} events of {shop.name} are histories of at most {most} users")
    if clones < 1:
        raise ValueError(f"{shop.name} has {real['products']} products: ask for no fewer")
    if skew.category and shop.catalogue is None:
        raise ValueError(f"{shop.name} has no categories")
    slots = numbered(rows.where(sold), "slot", "product")  # a row drawn at random is a product drawn by popularity
    histories = rows.groupBy("history").agg(F.max("user").isNull().alias("guest"))
    histories = numbered(histories, "place", "guest", "history").select("history", "place")  # users first, then guests
    # The real shop is one file and so one partition, too few for the grown shop.
    parts = max(rows.sparkSession.sparkContext.defaultParallelism, size.events // PER_TASK + 1)
    placed = rows.join(F.broadcast(histories), "history").repartition(parts, "history", "product")
    copied = copies(placed, times, real["histories"])
    user = F.pmod(F.col("turn") * real["users"] + F.col("place"), F.lit(size.users or most)).cast("long")
    copied = copied.withColumn("user_number", F.when(F.col("user").isNotNull(), user))
    if skew.day > 1:
        copied = on_one_day(copied, shop.events, skew.day, size.users or most)
    bought = with_products(copied, slots, shop, real["slots"], clones, skew.hot_product)
    if skew.bot:
        bought = bought.unionByName(bot(slots, real["slots"], skew.bot), allowMissingColumns=True)
    catalogue = None
    if shop.catalogue is not None:
        catalogue = with_clones(shop.catalogue.withColumn("seed", seed), shop.texts, clones, skew.category)
    return shop.delivered(bought, pool(rows.select("text", "seed"), "text")), catalogue


def numbered(rows: DataFrame, name: str, *first: str) -> DataFrame:
    """Rows of the real shop, numbered from 0 in the order of `first` and then of all columns: ties are equal rows."""
    others = (F.to_json(F.struct(*sorted(c for c in rows.columns if c not in first))),)
    return rows.withColumn(name, F.row_number().over(Window.orderBy(*first, *others)) - 1)


def copies(rows: DataFrame, times: float, histories: int) -> DataFrame:
    """Copies each whole history `times` times on average.

    Adds `turn` (0, 1, ...), `copy` (the same as text, for names) and `number` (unique per copied history).
    """
    rest, whole = math.modf(times)
    many = F.lit(int(whole)) + (share("copies", "history") < rest).cast("int")
    out = rows.withColumn("turn", F.explode(F.when(many > 0, F.sequence(F.lit(0), many - 1))))
    number = F.col("turn").cast("long") * histories + F.col("place")
    return out.withColumns({"number": number, "copy": F.col("turn").cast("string")})


def on_one_day(rows: DataFrame, events: DataFrame, times: int, users: int) -> DataFrame:
    """Repeats the rows of the day with the median number of events `times` times, the repeats with random users."""
    days = events.groupBy(F.to_date("time").alias("day")).count()
    chosen = days.orderBy("count", "day").offset((days.count() - 1) // 2).limit(1).select("day")
    again = F.when(F.to_date("time") == F.col("day"), F.sequence(F.lit(1), F.lit(times))).otherwise(F.array(F.lit(1)))
    out = rows.crossJoin(F.broadcast(chosen)).withColumn("again", F.explode(again))
    more, user = F.col("again") > 1, hashed("day", "number", "order", "again", below=users)
    return out.withColumns(
        {
            "number": F.when(more, hashed("day's", "number", "again")).otherwise(F.col("number")),
            "copy": F.when(more, F.concat_ws("d", "copy", "again")).otherwise(F.col("copy")),
            "user_number": F.when(more, user).otherwise(F.col("user_number")),
        }
    ).drop("day", "again")


def with_products(rows: DataFrame, slots: DataFrame, shop: Shop, n_slots: int, clones: float, hot: float) -> DataFrame:
    """Sets each grown event's `product`, `code`, columns that depend on them, and `clone`; the same for a whole pair."""
    counts = slots.groupBy("product").agg(F.count("*").alias("n"), F.min("slot").alias("hot_slot"))
    hottest = counts.orderBy(F.desc("n"), "product").limit(1).select("hot_slot")
    is_hot = F.col("sold") & (share("hot", "number", "order", "product") < hot)
    mixed = F.col("sold") & (F.col("turn") > 0) & (share("mixed", "number", "product") < MIXED)
    drawn = hashed("drawn", "number", "product", below=n_slots)
    rows = rows.crossJoin(F.broadcast(hottest)).withColumn("slot", F.when(is_hot, F.col("hot_slot")).when(mixed, drawn))
    changed = ("product", "code", *shop.of_product)
    others = slots.select("slot", F.lit(True).alias("other"), *(F.col(c).alias(f"other_{c}") for c in changed))
    out = rows.join(F.broadcast(others), "slot", "left")
    out = out.withColumns({c: F.when(F.col("other"), F.col(f"other_{c}")).otherwise(F.col(c)) for c in changed})
    alone = share("apart", "history", "product") < APART
    first = F.when(alone, hashed("alone", "history", "product")).otherwise(hashed("together", "product"))
    clone = F.pmod(F.pmod(first, F.lit(PARTS)) + F.col("turn"), n_clones("product", clones))
    fixed = ~F.col("sold") | (F.col("slot") == F.col("hot_slot"))
    return out.withColumn("clone", F.when(F.coalesce(fixed, F.lit(False)), 0).otherwise(clone).cast("int"))


def n_clones(product: str, clones: float) -> Column:
    """Number of clones of a product: `clones` on average."""
    rest, whole = math.modf(clones)
    return F.lit(int(whole)) + (share("clones", product) < rest).cast("int")


def bot(slots: DataFrame, n_slots: int, events: int) -> DataFrame:
    """Events of one additional user, each with the time and product of a random real event."""
    ids = slots.sparkSession.range(events).crossJoin(F.broadcast(slots.select("seed").limit(1)))
    drawn = ids.withColumn("slot", hashed("bot", "id", below=n_slots)).drop("seed").join(F.broadcast(slots), "slot")
    first = {"clone": F.lit(0), "copy": F.lit("0"), "number": -1 - F.col("id"), "user_number": F.lit(-1).cast("long")}
    return drawn.withColumns(first | {"order": F.concat(F.lit("B"), F.col("id"))}).drop("id")


def with_clones(products: DataFrame, texts: tuple[str, ...], clones: float, crowded: float) -> DataFrame:
    """The catalogue of all clones: the first equals the real product, the others have changed texts."""
    key = products.columns[0]
    out = products.withColumn("product", F.col(key))
    out = out.withColumn("clone", F.explode(F.sequence(F.lit(0), n_clones("product", clones) - 1)))
    for text in texts:
        changed = reworded(text, pool(products, text), "product", "clone")
        out = out.withColumn(text, F.when(F.col("clone") == 0, F.col(text)).otherwise(changed))
    if crowded:
        counts = products.groupBy("categories").count().orderBy(F.desc("count"), F.to_json("categories"))
        out = out.crossJoin(F.broadcast(counts.limit(1).select(F.col("categories").alias("common"))))
        moved = share("category", "product", "clone") < crowded
        out = out.withColumn("categories", F.when(moved, F.col("common")).otherwise(F.col("categories")))
    return out.withColumn(key, cloned("product")).select(*(c for c in products.columns if c != "seed"))


def pool(rows: DataFrame, text: str) -> Column:
    """Array of at most POOL words sampled from the real shop's texts, so frequent words are in it more often."""
    words = rows.select("seed", text).distinct().select("seed", text, F.posexplode(F.split(text, " +")))
    words = words.where("col rlike '^[A-Za-z]+$'").orderBy(F.xxhash64("seed", text, "pos"), "col").limit(POOL)
    return F.split(F.lit("\n".join(row["col"] for row in words.select("col").collect())), "\n")


def reworded(text: str, words: Column, *key: str) -> Column:
    """The text with a share REWORDED of its words, and at least one, replaced; the number of words stays the same."""
    parts, seed = F.split(text, " "), hashed(text, *key)

    def words_of(text_: Column) -> Column:
        def word(old: Column, place: Column) -> Column:
            draw = F.xxhash64(text_["seed"], place)
            new = F.element_at(words, (F.pmod(draw, F.size(words)) + 1).cast("int"))
            chosen = F.pmod(F.shiftright(draw, 20), F.lit(1000)) < int(1000 * REWORDED)
            return F.when((old != "") & (chosen | (place == text_["always"])), new).otherwise(old)

        return F.array_join(F.transform(text_["parts"], word), " ")

    # In an array of one element, so that Spark computes it once per text and not once per word.
    once = F.struct(parts.alias("parts"), seed.alias("seed"), F.pmod(seed, F.size(parts)).alias("always"))
    return F.transform(F.array(once), words_of)[0]


def cloned(code: str) -> Column:
    """The clone's code; the first clone has the real product's."""
    return F.when(F.col("clone") == 0, F.col(code)).otherwise(F.concat_ws("-", code, "clone"))


def hashed(what: str, *keys: str, below: int | None = None) -> Column:
    """A hash of the column `seed`, of the choice `what` it is for, and of the keys; reduced modulo `below` if given."""
    number = F.xxhash64("seed", F.lit(what), *keys)
    return number if below is None else F.pmod(number, F.lit(below))


def share(what: str, *keys: str) -> Column:
    """A hash as a uniform number in [0, 1)."""
    return hashed(what, *keys, below=PARTS) / float(PARTS)


def deliver(shop: Shop, events: DataFrame, catalogue: DataFrame | None, folder: Path) -> None:
    """Writes the delivery below `folder` in the form that `SHOPS[name](spark, folder)` and the nightly run read."""
    if catalogue is None:
        events.write.parquet((folder / "transactions.parquet").as_uri())
        return
    events.write.json((folder / "reviews.jsonl").as_uri(), compression="gzip")
    catalogue.write.json((folder / "products.jsonl").as_uri(), compression="gzip")


def grown_conf(shop: str, delivery: Path, root: Path) -> None:
    """A copy of conf at `root` whose shop reads the delivery."""
    shutil.copytree(ROOT / "conf", root)
    path = root / "shops" / f"{shop}.yaml"
    settings = yaml.safe_load(path.read_text())
    for source in settings["sources"].values():
        source["path"] = (delivery / Path(source["path"]).name.removesuffix(".gz")).as_uri()
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


Histogram = dict[float, int]


def distances(one: dict[str, Histogram], other: dict[str, Histogram]) -> dict[str, float]:
    """Distances between two shops by their `measures`, each from 0 to 1.

    Kolmogorov-Smirnov for counts and prices; the greatest gap between Lorenz curves for popularity (the share of events
    of the most popular products); the relative difference for the share of repeats; the Jensen-Shannon divergence, in
    bits, for weekdays, months, and the real shop's 1,000 most frequent words.
    """
    result = {name: ks(one[name], other[name]) for name in KS}
    result["popularity of products"] = lorenz_gap(one["popularity of products"], other["popularity of products"])
    [before], [after] = one["share of repeats"], other["share of repeats"]
    result["share of repeats"] = abs(after - before) / before if before else after
    return result | {name: jensen_shannon(one[name], other[name]) for name in ("use of words", "weekdays", "months")}


KS = ("events per user", "rows per order", "price of an event", "words per text")


def measures(shop: Shop, real: Shop) -> dict[str, Histogram]:
    """Histograms: value -> count. Their size is the number of different values, so they are small for any shop.

    Counts the `real` shop's 1,000 most frequent words.
    """
    events = shop.events.where("sold").select("user", "order", "product", "time", "text", "price").persist()
    titles = events.groupBy("product").agg(F.mode("text", True).alias("text"))  # tills spell a product in many ways
    texts = titles if shop.of_product else events.select("text")
    with_user = events.where("user is not null")
    pairs = with_user.agg(
        (1 - F.count_distinct("user", "product") / F.count_distinct("user", "product", "order")).alias("value"),
        F.lit(1).alias("count"),
    )
    frames = {
        "events per user": _counts(with_user.groupBy("user").count()),
        "popularity of products": _counts(events.groupBy("product").count()),
        "share of repeats": pairs,
        "rows per order": _counts(events.groupBy("order").count()),
        "price of an event": _of(events, F.round("price", 2)),
        "words per text": _of(texts, F.size(F.split("text", " +"))),
        "weekdays": _of(events, F.weekday("time")),
        "months": _of(events, F.year("time") * 12 + F.month("time")),
    }
    histograms = {name: {row["value"]: row["count"] for row in frame.collect()} for name, frame in frames.items()}
    frequent = _words(real.events.where("sold")).groupBy("word").count().orderBy(F.desc("count"), "word").limit(1000)
    used = _words(texts).join(F.broadcast(frequent.select("word")), "word").groupBy("word").count()
    histograms["use of words"] = {row["word"]: row["count"] for row in used.collect()}
    events.unpersist()
    return histograms


def _words(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode(F.split(F.lower("text"), "[^a-z]+")).alias("word")).where("word != ''")


def _counts(rows: DataFrame) -> DataFrame:
    return _of(rows, F.col("count"))


def _of(rows: DataFrame, value: Column) -> DataFrame:
    return rows.select(value.cast("double").alias("value")).where("value is not null").groupBy("value").count()


def ks(one: Histogram, other: Histogram) -> float:
    """Greatest gap between two cumulative distributions.

    >>> ks({1.0: 1, 2.0: 1}, {1.0: 3, 2.0: 1})
    0.25
    """
    values = sorted(one.keys() | other.keys())
    first, second = (np.cumsum([h.get(v, 0) for v in values]) / sum(h.values()) for h in (one, other))
    return float(np.abs(first - second).max())


def lorenz_gap(one: Histogram, other: Histogram) -> float:
    """Greatest gap between two Lorenz curves of {events per product: number of such products}.

    >>> lorenz_gap({1.0: 1, 3.0: 1}, {2.0: 2})
    0.25
    """
    places = np.linspace(0, 1, 1001)

    def curve(histogram: Histogram) -> np.ndarray:
        values = np.array(sorted(histogram))
        products = np.array([histogram[v] for v in values])
        return np.interp(
            places,
            np.append(0, np.cumsum(products)) / products.sum(),
            np.append(0, np.cumsum(values * products)) / (values @ products),
        )

    return float(np.abs(curve(one) - curve(other)).max())


def jensen_shannon(one: Histogram, other: Histogram) -> float:
    """Jensen-Shannon divergence in bits (Lin 1991).

    >>> jensen_shannon({1.0: 1}, {2.0: 5})
    1.0
    """
    values = sorted(one.keys() | other.keys())
    p, q = (np.array([h.get(v, 0) for v in values]) / sum(h.values()) for h in (one, other))

    def divergence(of: np.ndarray, mean: np.ndarray) -> float:
        positive = of > 0
        return float(of[positive] @ np.log2(of[positive] / mean[positive]))

    return (divergence(p, (p + q) / 2) + divergence(q, (p + q) / 2)) / 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--shop", choices=sorted(SHOPS), required=True)
    parser.add_argument("--events", type=int, required=True, help="events of the grown shop, about")
    parser.add_argument("--users", type=int, help="at most as events grow, which is the default")
    parser.add_argument("--products", type=int, help="no fewer than there are; default: as events grow")
    parser.add_argument("--seed", type=int, default=Size.seed)
    parser.add_argument("--hot-product", type=float, default=0.0, metavar="SHARE", help="of all events, to one product")
    parser.add_argument("--bot", type=int, default=0, metavar="EVENTS", help="of one user more")
    parser.add_argument("--category", type=float, default=0.0, metavar="SHARE", help="of products, into one category")
    parser.add_argument("--day", type=int, default=1, metavar="TIMES", help="the usual, on one day")
    parser.add_argument("--out", type=Path, required=True, help="a new folder: deliveries, and conf that reads them")
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"--out {arguments.out} exists already")
    spark = build_session(load(ROOT / "conf", "dev", None).env, "grow")
    real, out = SHOPS[arguments.shop](spark), arguments.out.resolve()
    skew = Skew(arguments.hot_product, arguments.bot, arguments.category, arguments.day)
    try:
        size = Size(arguments.events, arguments.users, arguments.products, arguments.seed)
        events, catalogue = grow(real, size, skew)
    except ValueError as error:
        parser.error(str(error))
    deliver(real, events, catalogue, out / "delivery")
    grown_conf(arguments.shop, out / "delivery", out / "conf")
    grown = SHOPS[arguments.shop](spark, out / "delivery")
    rows = {}
    for name, shop in (("real", real), ("grown", grown)):
        totals = shop.events.agg(F.count("*"), F.count_distinct("user"), F.count_distinct("product")).first()
        assert totals is not None
        rows[name] = totals[0]
        print(f"{name:6} {totals[0]:12,} events {totals[1]:10,} users {totals[2]:10,} products")
    distance_by_name = distances(measures(real, real), measures(grown, real))
    for name, distance in distance_by_name.items():
        print(f"{name:24} {distance:.4f}   at most {LIMITS[name]}")
    worst = max(distance / LIMITS[name] for name, distance in distance_by_name.items())
    print(f"figure: grown_distance ratio={worst:.2f} of the limit")
    if skew == Skew() and worst > 1 and rows["grown"] >= rows["real"]:
        sys.exit(1)  # a shop with fewer events is a sample, whose distance has no limit


if __name__ == "__main__":
    main()
