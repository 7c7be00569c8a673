"""Grows a real shop to more users, products and events, in the shop's own source format; compares it with the real one.

    PYTHONPATH=. python tests/benchmarks/grow.py --shop online_retail --events 1000000 --out /tmp/grown

Each real history (a user's, or a guest's order) is taken several times, as other users'. A product becomes several, each
with an equal part of its copies' events, so that the popularity curve stays; two products of a history mostly take the
same turn, so that pairs and neighbourhoods stay. So that copies are not twins, one (user, product) in ten takes another
product, drawn by popularity, and words of a copied text are exchanged for others of the shop's.

Every choice is a hash of the seed and of what is chosen for: the same rows whatever the partitions. Only what is of the
real shop's size (histories, products, words) is sorted or sent about; what grows is mapped row by row and written by
Spark. The nightly run reads the delivery with `conf/shops/<shop>.yaml`, its sources' paths exchanged (`grown_conf`).
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
MIXED = 0.1  # share of a copy's (user, product) pairs that take another product
APART = 0.3  # share of pairs whose clone is chosen for themselves alone, not by the history's turn
REWORDED = 0.1  # share of a copied text's words that are exchanged
POOL = 2_000  # words that may come into a text, drawn by how often they are used
PER_TASK = 250_000  # grown events that one task makes and writes
PARTS = 1 << 30

# Distances between the real and the grown shop: at most.
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
    """events: about so many. users: at most as events grow, which is what None means: a user then has as many events as
    a real one; fewer users have several histories each. products: no fewer than there are; None: as events grow."""

    events: int
    users: int | None = None
    products: int | None = None
    seed: int = 7


@dataclass(frozen=True)
class Skew:
    """What is uneven beside the real shop. hot_product: share of events that go to one product. bot: events of one more
    user. category: share of products put into one category. day: how many times the usual one day has."""

    hot_product: float = 0.0
    bot: int = 0
    category: float = 0.0
    day: int = 1


@dataclass(frozen=True)
class Shop:
    """A shop as delivered, with what all shops have beside its own columns.

    Attributes:
        events: rows with user (null: a guest), order, product, code (as the source writes the product), sold (whether
            the row is of merchandise), time, text, price.
        catalogue: products, or None where the events tell them; `texts` are its columns of text.
        of_product: columns of an event that go with its product.
        delivered: a grown event's columns in the source; given the grown rows and the pool of words.
    """

    name: str
    events: DataFrame
    catalogue: DataFrame | None
    texts: tuple[str, ...]
    of_product: tuple[str, ...]
    delivered: Callable[[DataFrame, Column], DataFrame]


def online_retail(spark: SparkSession, folder: Path = RETAIL) -> Shop:
    """Transactions tell the products too. Codes that are no merchandise (postage, fees) are neither cloned nor mixed."""
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
    minute = F.make_interval(mins=hashed("minute", "number", "order", below=60))  # days and their hours stay
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
    """Reviews and a catalogue; the price of an event is the product's."""
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
        ValueError: more users than histories, fewer products than there are, or a skew that the shop cannot show.
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
        raise ValueError(f"{shop.name} tells no categories")
    slots = numbered(rows.where(sold), "slot", "product")  # a row drawn at random is a product drawn by popularity
    histories = rows.groupBy("history").agg(F.max("user").isNull().alias("guest"))
    histories = numbered(histories, "place", "guest", "history").select("history", "place")  # users first, then guests
    # The real shop is one file, so one task's; what it grows to is not.
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
    """Rows of the real shop numbered from 0 in the order of the columns named, then of all: a number has equal rows."""
    others = (F.to_json(F.struct(*sorted(c for c in rows.columns if c not in first))),)
    return rows.withColumn(name, F.row_number().over(Window.orderBy(*first, *others)) - 1)


def copies(rows: DataFrame, times: float, histories: int) -> DataFrame:
    """Each history `times` times on average, whole: its `turn` 0, 1, ..., `copy` (for names) and `number`, one each."""
    rest, whole = math.modf(times)
    many = F.lit(int(whole)) + (share("copies", "history") < rest).cast("int")
    out = rows.withColumn("turn", F.explode(F.when(many > 0, F.sequence(F.lit(0), many - 1))))
    number = F.col("turn").cast("long") * histories + F.col("place")
    return out.withColumns({"number": number, "copy": F.col("turn").cast("string")})


def on_one_day(rows: DataFrame, events: DataFrame, times: int, users: int) -> DataFrame:
    """The day whose number of events is the median of all days' has its rows `times` times, the others by any users."""
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
    """What each grown event is of: `product`, `code`, what goes with them, and the `clone`; one for all of a pair."""
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
    """Products that one becomes: `clones` on average."""
    rest, whole = math.modf(clones)
    return F.lit(int(whole)) + (share("clones", product) < rest).cast("int")


def bot(slots: DataFrame, n_slots: int, events: int) -> DataFrame:
    """Events of one user more, each the time and product of a real event drawn at random."""
    ids = slots.sparkSession.range(events).crossJoin(F.broadcast(slots.select("seed").limit(1)))
    drawn = ids.withColumn("slot", hashed("bot", "id", below=n_slots)).drop("seed").join(F.broadcast(slots), "slot")
    first = {"clone": F.lit(0), "copy": F.lit("0"), "number": -1 - F.col("id"), "user_number": F.lit(-1).cast("long")}
    return drawn.withColumns(first | {"order": F.concat(F.lit("B"), F.col("id"))}).drop("id")


def with_clones(products: DataFrame, texts: tuple[str, ...], clones: float, crowded: float) -> DataFrame:
    """The catalogue of all clones: the first as the real product is, the others with texts of their own."""
    key = products.columns[0]
    out = products.withColumn("product", F.col(key))
    out = out.withColumn("clone", F.explode(F.sequence(F.lit(0), n_clones("product", clones) - 1)))
    for text in texts:
        own = reworded(text, pool(products, text), "product", "clone")
        out = out.withColumn(text, F.when(F.col("clone") == 0, F.col(text)).otherwise(own))
    if crowded:
        counts = products.groupBy("categories").count().orderBy(F.desc("count"), F.to_json("categories"))
        out = out.crossJoin(F.broadcast(counts.limit(1).select(F.col("categories").alias("common"))))
        moved = share("category", "product", "clone") < crowded
        out = out.withColumn("categories", F.when(moved, F.col("common")).otherwise(F.col("categories")))
    return out.withColumn(key, cloned("product")).select(*(c for c in products.columns if c != "seed"))


def pool(rows: DataFrame, text: str) -> Column:
    """Array of at most POOL words of the real shop's texts, as often as they are used there."""
    words = rows.select("seed", text).distinct().select("seed", text, F.posexplode(F.split(text, " +")))
    words = words.where("col rlike '^[A-Za-z]+$'").orderBy(F.xxhash64("seed", text, "pos"), "col").limit(POOL)
    return F.split(F.lit("\n".join(row["col"] for row in words.select("col").collect())), "\n")


def reworded(text: str, words: Column, *key: str) -> Column:
    """As many words as before; of these REWORDED, and one at least, are others."""
    parts, seed = F.split(text, " "), hashed(text, *key)

    def words_of(told: Column) -> Column:
        def word(old: Column, place: Column) -> Column:
            other = F.xxhash64(told["seed"], place)
            new = F.element_at(words, (F.pmod(other, F.size(words)) + 1).cast("int"))
            some = F.pmod(F.shiftright(other, 20), F.lit(1000)) < int(1000 * REWORDED)
            return F.when((old != "") & (some | (place == told["always"])), new).otherwise(old)

        return F.array_join(F.transform(told["parts"], word), " ")

    # An array of one, so that what a text has once is not made again for each of its words.
    once = F.struct(parts.alias("parts"), seed.alias("seed"), F.pmod(seed, F.size(parts)).alias("always"))
    return F.transform(F.array(once), words_of)[0]


def cloned(code: str) -> Column:
    """The clone's own code; that of the first is the real product's."""
    return F.when(F.col("clone") == 0, F.col(code)).otherwise(F.concat_ws("-", code, "clone"))


def hashed(what: str, *keys: str, below: int | None = None) -> Column:
    """A number for the rows of equal keys: of the column `seed`, and of what it is for."""
    found = F.xxhash64("seed", F.lit(what), *keys)
    return found if below is None else F.pmod(found, F.lit(below))


def share(what: str, *keys: str) -> Column:
    """Uniform on [0, 1)."""
    return hashed(what, *keys, below=PARTS) / float(PARTS)


def deliver(shop: Shop, events: DataFrame, catalogue: DataFrame | None, folder: Path) -> None:
    """Writes the delivery below `folder`: as `SHOPS[name](spark, folder)` and the nightly run read it."""
    if catalogue is None:
        events.write.parquet((folder / "transactions.parquet").as_uri())
        return
    events.write.json((folder / "reviews.jsonl").as_uri(), compression="gzip")
    catalogue.write.json((folder / "products.jsonl").as_uri(), compression="gzip")


def grown_conf(shop: str, delivery: Path, root: Path) -> None:
    """A copy of conf at `root` whose shop reads the delivery."""
    shutil.copytree(ROOT / "conf", root)
    path = root / "shops" / f"{shop}.yaml"
    told = yaml.safe_load(path.read_text())
    for source in told["sources"].values():
        source["path"] = (delivery / Path(source["path"]).name.removesuffix(".gz")).as_uri()
    path.write_text(yaml.safe_dump(told, sort_keys=False))


Histogram = dict[float, int]


def distances(one: dict[str, Histogram], other: dict[str, Histogram]) -> dict[str, float]:
    """How far a shop is from another, by their `measures`; 0 to 1 each.

    Kolmogorov-Smirnov for counts and prices; the greatest gap between Lorenz curves for popularity (what share of the
    events the most popular products have); the relative difference of the shares of repeats; the Jensen-Shannon
    divergence, in bits, of weekdays, months, and the real shop's 1,000 most used words.
    """
    found = {name: ks(one[name], other[name]) for name in KS}
    found["popularity of products"] = lorenz_gap(one["popularity of products"], other["popularity of products"])
    [before], [after] = one["share of repeats"], other["share of repeats"]
    found["share of repeats"] = abs(after - before) / before if before else after
    return found | {name: jensen_shannon(one[name], other[name]) for name in ("use of words", "weekdays", "months")}


KS = ("events per user", "rows per order", "price of an event", "words per text")


def measures(shop: Shop, real: Shop) -> dict[str, Histogram]:
    """Histograms: value -> how often. As many values as differ, not as many rows: small at any size.

    The words counted are the `real` shop's 1,000 most used.
    """
    events = shop.events.where("sold").select("user", "order", "product", "time", "text", "price").persist()
    titles = events.groupBy("product").agg(F.mode("text", True).alias("text"))  # tills write one product in many ways
    texts = titles if shop.of_product else events.select("text")
    known = events.where("user is not null")
    pairs = known.agg(
        (1 - F.count_distinct("user", "product") / F.count_distinct("user", "product", "order")).alias("value"),
        F.lit(1).alias("count"),
    )
    frames = {
        "events per user": _counts(known.groupBy("user").count()),
        "popularity of products": _counts(events.groupBy("product").count()),
        "share of repeats": pairs,
        "rows per order": _counts(events.groupBy("order").count()),
        "price of an event": _of(events, F.round("price", 2)),
        "words per text": _of(texts, F.size(F.split("text", " +"))),
        "weekdays": _of(events, F.weekday("time")),
        "months": _of(events, F.year("time") * 12 + F.month("time")),
    }
    found = {name: {row["value"]: row["count"] for row in frame.collect()} for name, frame in frames.items()}
    frequent = _words(real.events.where("sold")).groupBy("word").count().orderBy(F.desc("count"), "word").limit(1000)
    used = _words(texts).join(F.broadcast(frequent.select("word")), "word").groupBy("word").count()
    found["use of words"] = {row["word"]: row["count"] for row in used.collect()}
    events.unpersist()
    return found


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
    first, second = (np.cumsum([told.get(v, 0) for v in values]) / sum(told.values()) for told in (one, other))
    return float(np.abs(first - second).max())


def lorenz_gap(one: Histogram, other: Histogram) -> float:
    """Greatest gap between two Lorenz curves, {events of a product: products with so many}.

    >>> lorenz_gap({1.0: 1, 3.0: 1}, {2.0: 2})
    0.25
    """
    places = np.linspace(0, 1, 1001)

    def curve(told: Histogram) -> np.ndarray:
        values = np.array(sorted(told))
        products = np.array([told[v] for v in values])
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
    p, q = (np.array([told.get(v, 0) for v in values]) / sum(told.values()) for told in (one, other))

    def divergence(of: np.ndarray, mean: np.ndarray) -> float:
        some = of > 0
        return float(of[some] @ np.log2(of[some] / mean[some]))

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
    asked = parser.parse_args()
    if asked.out.exists():
        parser.error(f"--out {asked.out} is there already")
    spark = build_session(load(ROOT / "conf", "dev", None).env, "grow")
    real, out = SHOPS[asked.shop](spark), asked.out.resolve()
    skew = Skew(asked.hot_product, asked.bot, asked.category, asked.day)
    try:
        events, catalogue = grow(real, Size(asked.events, asked.users, asked.products, asked.seed), skew)
    except ValueError as error:
        parser.error(str(error))
    deliver(real, events, catalogue, out / "delivery")
    grown_conf(asked.shop, out / "delivery", out / "conf")
    grown = SHOPS[asked.shop](spark, out / "delivery")
    rows = {}
    for name, shop in (("real", real), ("grown", grown)):
        told = shop.events.agg(F.count("*"), F.count_distinct("user"), F.count_distinct("product")).first()
        assert told is not None
        rows[name] = told[0]
        print(f"{name:6} {told[0]:12,} events {told[1]:10,} users {told[2]:10,} products")
    found = distances(measures(real, real), measures(grown, real))
    for name, distance in found.items():
        print(f"{name:24} {distance:.4f}   at most {LIMITS[name]}")
    worst = max(found[name] / LIMITS[name] for name in found)
    print(f"figure: grown_distance ratio={worst:.2f} of the limit")
    if skew == Skew() and worst > 1 and rows["grown"] >= rows["real"]:
        sys.exit(1)  # fewer events are a sample of the shop's users, which is as far from it as it is small


if __name__ == "__main__":
    main()
