"""A grown shop is close to the real one, and a broken generator is detected."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.conf import load
from libs.spark.session import with_settings
from tests.benchmarks import grow
from tests.benchmarks.grow import LIMITS, Shop, Size, Skew

SIZE = Size(6_000, products=500)
LESS = Size(1_500, products=500)


def users_of(shop: Shop, every: int) -> Shop:
    """The shop with every n-th of its users."""
    assert shop.catalogue is not None
    events = shop.events.where(F.pmod(F.xxhash64("user"), F.lit(every)) == 0).repartition(2).persist()
    catalogue = shop.catalogue.join(events.select("asin").distinct(), "asin", "left_semi").repartition(2).persist()
    return replace(shop, events=events, catalogue=catalogue)


@pytest.fixture(scope="module")
def real(spark: SparkSession) -> Shop:
    """Enough users for stable distributions."""
    return users_of(grow.music_store(spark), 3)


@pytest.fixture(scope="module")
def few(real: Shop) -> Shop:
    return users_of(real, 12)


@pytest.fixture(scope="module")
def delivery(spark: SparkSession, real: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grown") / "delivery"
    grow.deliver(real, *grow.grow(real, SIZE), folder)
    return folder


def rows_of(frame: DataFrame) -> tuple[int, int]:
    """Number of rows and sum of their hashes, which do not depend on the order."""
    totals = frame.select(F.xxhash64(F.to_json(F.struct("*"))).cast("decimal(38,0)").alias("h")).agg(
        F.count("h"), F.sum("h")
    )
    return tuple(totals.first())  # type: ignore[arg-type]


def test_a_grown_shop_is_near_the_real_one_and_a_broken_one_is_not(
    spark: SparkSession, real: Shop, delivery: Path
) -> None:
    grown = grow.music_store(spark, delivery)
    assert grown.events.count() == pytest.approx(SIZE.events, rel=0.02)
    assert grown.catalogue is not None and grown.catalogue.count() == pytest.approx(500, rel=0.05)
    assert grown.events.join(grown.catalogue, "asin", "left_anti").isEmpty()
    users, events = real.events.select("user").distinct().count(), real.events.count()
    assert grown.events.select("user").distinct().count() == pytest.approx(users * SIZE.events / events, rel=0.02)
    measures = grow.measures(real, real)
    distances = grow.distances(measures, grow.measures(grown, real))
    assert distances.keys() == LIMITS.keys() and not {name for name in distances if distances[name] > LIMITS[name]}
    random_id = F.pmod(F.xxhash64("user", "product"), F.lit(500)).cast("string")
    broken = {
        "user": random_id,
        "order": F.date_trunc("year", "time"),
        "product": random_id,
        "price": F.col("price") * 1.1,
        "text": F.concat("text", F.lit(" so"), F.repeat(F.lit(" so"), F.size(F.split("text", " ")) / 3)),
        "time": F.date_trunc("week", "time"),
    }
    distances = grow.distances(measures, grow.measures(replace(grown, events=grown.events.withColumns(broken)), real))
    assert {name for name in distances if distances[name] <= LIMITS[name]} <= {"months"}
    later = replace(grown, events=grown.events.withColumn("time", F.expr("time + interval 100 days")))
    assert grow.distances(measures, grow.measures(later, real))["months"] > LIMITS["months"]


def test_the_same_seed_gives_the_same_rows_whatever_the_partitions(few: Shop, spark: SparkSession) -> None:
    events, catalogue = grow.grow(few, LESS)
    first = rows_of(events), rows_of(catalogue)
    with with_settings(spark, {"spark.sql.shuffle.partitions": "5"}):
        other = replace(few, events=few.events.repartition(7), catalogue=few.catalogue.repartition(3))
        events, catalogue = grow.grow(other, LESS)
        assert (rows_of(events), rows_of(catalogue)) == first
    assert rows_of(grow.grow(few, replace(LESS, seed=8))[0]) != first[0]


def test_skews(few: Shop) -> None:
    events, catalogue = grow.grow(few, LESS, Skew(hot_product=0.05, bot=3_000, category=0.5, day=10))
    events = events.persist()
    assert events.where("reviewerID = 'U-1'").count() == 3_000
    of_others = events.where("reviewerID != 'U-1'")
    counts = [row["count"] for row in of_others.groupBy("asin").count().orderBy(F.desc("count")).limit(2).collect()]
    assert counts[0] / of_others.count() == pytest.approx(0.06, abs=0.015) and counts[1] < counts[0] / 3
    assert catalogue is not None
    most = catalogue.groupBy("categories").count().agg(F.max("count")).first()
    assert most is not None and most[0] / catalogue.count() == pytest.approx(0.5, abs=0.1)
    plain = grow.grow(few, LESS)[0].groupBy("unixReviewTime").count().withColumnRenamed("count", "before")
    days = of_others.groupBy("unixReviewTime").count().join(plain, "unixReviewTime")
    [(before, after)] = days.where("count > 5 * before").select("before", "count").collect()
    assert after == 10 * before
    events.unpersist()


def test_what_cannot_be_grown_is_refused(real: Shop) -> None:
    for size, word in ((Size(2_000, users=9_999), "of at most"), (Size(20_000, products=3), "ask for no fewer")):
        with pytest.raises(ValueError, match=word):
            grow.grow(real, size)
    with pytest.raises(ValueError, match="no categories"):
        grow.grow(replace(real, catalogue=None), SIZE, Skew(category=0.5))


def test_the_shops_conf_reads_the_delivery(delivery: Path, tmp_path: Path) -> None:
    grow.grown_conf("music_store", delivery, tmp_path / "conf")
    shop = load(tmp_path / "conf", "test", "music_store").shop
    assert shop is not None
    for source in shop.sources.values():
        assert any(Path(source.path.removeprefix("file://")).glob("part-*.json.gz"))


def test_distances_by_hand() -> None:
    assert doctest.testmod(grow).failed == 0
