"""Malformed rows: each is in silver, quarantined, a duplicate or excluded, and the sums are exact."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.query.checksum import checksum
from libs.tables import table
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import ORDER_COLUMNS, orders_source, reviews_source

# All valid times; then the days of the deliveries.
WINDOW = {"start": "1990-01-01", "end": "2100-01-01"}
DELIVERIES = {"start": "2020-01-06", "end": "2020-01-09"}
DAYS = ("2020-01-06", "2020-01-07", "2020-01-08")
TIMES = [
    *("2020-01-05 10:00:00", "2020-01-05T10:00:00Z", "2020-01-06T23:59:59.999999+09:00", "2020-02-29", "2019-12-31 23:59"),
    *("0001-01-01", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "10000-01-01", "-0044-03-15", "2021-02-29", "12:30"),
    *("now", "today", "epoch", "yesterday", "2020", "1578218400", "", " ", "NaT", "0000-00-00"),
]  # fmt: skip
NUMBERS = ["1", "-1", "2.50", "0", "3.0", "NaN", "nan", "Infinity", "-Infinity", "inf", "1e308", "1e400", "-0.0", "",
           "99999999999999999999999999999999999999999", "2147483648", "1,5", "0x10", "free", "٣", "1d", "5f"]  # fmt: skip
IDS = ["ann", "bob", "mug", "POST", "", " ", "null", "NULL", "日本", "a\u202eb", "\x00", "a\x07b", "'; DROP TABLE x", "../..",
       "x" * 600, "\ufeff", "é", "e\u0301"]  # fmt: skip
JSON_VALUES = [
    None,
    True,
    5,
    5.0,
    11,
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    10**30,
    [],
    [1],
    {},
    {"a": 1},
    "5",
    "five",
]
LINES = [
    "",
    "   ",
    "{}",
    "[]",
    "null",
    '"x"',
    "{",
    '{"user_id": }',
    "not json",
    ",,,,,",
    ",,",
    '"',
    "a,b,c,d,e,f,g,h",
    "\x00",
]
# Bytes that are not UTF-8: a lone continuation byte, an overlong slash, a surrogate, GBK, half of a character.
RAW = [b"\xff\xfe", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", "好".encode("gbk"), "好".encode()[:2]]

orders = st.fixed_dictionaries(
    {"order_id": st.sampled_from([f"o{i}" for i in range(9)] + IDS), "user_id": st.sampled_from(IDS),
     "product_id": st.sampled_from(IDS), "event_time": st.sampled_from(TIMES), "quantity": st.sampled_from(NUMBERS),
     "price": st.sampled_from(NUMBERS)}
)  # fmt: skip
reviews = st.fixed_dictionaries(
    {"user_id": st.sampled_from(IDS + JSON_VALUES), "product_id": st.sampled_from(IDS + JSON_VALUES),
     "event_time": st.sampled_from([*TIMES, *JSON_VALUES]), "rating": st.sampled_from(NUMBERS + JSON_VALUES),
     "title": st.sampled_from(IDS + JSON_VALUES), "body": st.text(max_size=20)}
)  # fmt: skip
good_order = st.builds(
    lambda i, hour: {"order_id": f"o{i}", "user_id": "ann", "product_id": "mug", "quantity": "1", "price": "2.50",
                     "event_time": f"2020-01-05 {hour:02d}:00:00"}, st.integers(0, 20), st.integers(0, 23)
)  # fmt: skip


def many(rows: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(rows, min_size=30, max_size=60)


def csv_line(row: dict[str, str]) -> bytes:
    return ",".join('"' + str(row[c]).replace('"', '""') + '"' for c in ORDER_COLUMNS).encode()


def json_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


def with_raw(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """The lines, with added copies that have non-UTF-8 bytes in the middle, duplicates, and lines that are not rows."""
    broken = [line[: len(line) // 2] + rng.choice(RAW) + line[len(line) // 2 :] for line in rng.sample(lines, 10)]
    return [*lines, *broken, *rng.choices(lines, k=8), *[line.encode() for line in LINES]]


def not_blank(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if line.strip(b" ")]


def write(folder: Path, name: str, lines: list[bytes], parts: int, header: bytes = b"") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        head = [header] if header else []
        (folder / f"{part}-{name}").write_bytes(b"\n".join([*head, *lines[part::parts]]) + b"\n")


def shop_of(spark: SparkSession, folder: Path) -> Warehouse:
    return Warehouse(
        spark,
        folder / "wh",
        max_quarantine_share=1.0,
        sources={
            "orders": orders_source(folder / "orders", exclude={"postage": "product_id = 'POST'"}),
            "reviews": reviews_source(folder / "reviews", exclude={"postage": "product_id = 'POST'"}),
        },
    )


def ingest(shop: Warehouse, folder: Path, orders: list[bytes], reviews: list[bytes], parts: int) -> dict[str, str]:
    """Ingests the lines from `parts` files each and checks the sums; returns the checksums of the tables."""
    write(folder / "orders", "orders.csv", orders, parts, ",".join(ORDER_COLUMNS).encode())
    write(folder / "reviews", "reviews.jsonl", reviews, parts)
    for job in ("ingest.bronze", "ingest.silver"):
        shop.run(job, **WINDOW)
    check_sums(shop, {"orders": len(not_blank(orders)), "reviews": len(not_blank(reviews))})
    names = ("silver.transactions", "silver.reviews", "quality.quarantine", "bronze.rejected", "quality.ingest_counts")
    return {name: checksum(shop.read(name), table(name)).exact for name in names}


def check_sums(shop: Warehouse, lines: dict[str, int]) -> None:
    """Checks rows in = silver + quarantined + duplicates + excluded for each day, and each term against the tables."""
    fates = ["silver", "quarantined", "duplicates", "excluded"]
    counts = shop.read("quality.ingest_counts")
    assert counts.where(F.col("rows_in") != sum((F.col(fate) for fate in fates), F.lit(0))).isEmpty()
    sums = counts.groupBy("source").agg(*[F.sum(c).alias(c) for c in ("rows_in", *fates)]).collect()
    by_source = {row["source"]: row for row in sums}
    assert {name: row["rows_in"] for name, row in by_source.items()} == lines
    bad = {row["source"]: row["count"] for row in shop.read("quality.quarantine").groupBy("source").count().collect()}
    assert {name: row["quarantined"] for name, row in by_source.items() if row["quarantined"]} == bad
    for name, kind in (("orders", "transactions"), ("reviews", "reviews")):
        if name in by_source:
            assert shop.read(f"silver.{kind}").count() == by_source[name]["silver"]


KINDS = (
    "null keys",
    "NaN and infinite prices",
    "invalid UTF-8",
    "dates in year 1 and 9999",
    "duplicated and shuffled rows",
)


@pytest.mark.fault(*KINDS)
@settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    order_rows=many(st.one_of(orders, good_order)),
    review_rows=many(reviews),
    parts=st.integers(2, 5),
    seed=st.integers(0, 2**32),
)
def test_rows_in_are_rows_out_and_refused_in_any_order_and_partitions(
    spark: SparkSession, order_rows: list[Any], review_rows: list[Any], parts: int, seed: int
) -> None:
    rng, folder = random.Random(seed), Path(tempfile.mkdtemp(prefix="reasonrec-poison-"))
    try:
        order_lines = with_raw([csv_line(row) for row in order_rows], rng)
        review_lines = with_raw([json_line(row) for row in review_rows], rng)
        expected = ingest(shop_of(spark, folder / "one"), folder / "one", order_lines, review_lines, 1)
        for lines in (order_lines, review_lines):
            rng.shuffle(lines)
        assert ingest(shop_of(spark, folder / "many"), folder / "many", order_lines, review_lines, parts) == expected
    finally:
        shutil.rmtree(folder)


@pytest.mark.fault("a review of 10 MB", "an id of 1 MB")
def test_a_huge_review_and_a_huge_id_harm_no_other_row(spark: SparkSession, tmp_path: Path) -> None:
    good = {
        "user_id": "ann",
        "product_id": "mug",
        "event_time": "2020-01-05",
        "rating": 5,
        "title": "Good",
        "body": "Good.",
    }
    huge = [{"product_id": "tea", "body": "so good " * 1_300_000}, {"user_id": "x" * 2**20, "body": "Fine."}]
    rows = {
        "order_id": "o1",
        "user_id": "ann",
        "product_id": "mug",
        "event_time": "2020-01-05",
        "quantity": "1",
        "price": "1",
    }
    orders = [csv_line(rows), csv_line(rows | {"order_id": "y" * 2**20})]
    shop = shop_of(spark, tmp_path)
    ingest(shop, tmp_path, orders, [json_line(good | change) for change in ({}, *huge)], 2)
    assert [row[0] for row in shop.rows("silver.transactions", "order_id")] == ["o1"]
    assert ("mug", "Good.") in shop.rows("silver.reviews", "product_id", "body")
    refused = {(source, field) for source, field in shop.rows("quality.quarantine", "source", "field")}
    assert refused == {("orders", "order_id"), ("reviews", "user_id")}


@pytest.mark.fault("late events, delivered again")
def test_late_events_belong_to_the_day_of_their_delivery(spark: SparkSession, tmp_path: Path) -> None:
    """Each day delivers a row of its own, a row of weeks ago, and a row that the day before has delivered too.

    The days are run forwards and backwards.
    """
    source = reviews_source(tmp_path / "{date}.jsonl")
    expected = {}
    for number, day in enumerate(DAYS):
        rows = [
            {"user_id": "ann", "product_id": f"p{number}", "event_time": f"{day}T10:00:00Z", "rating": 5},
            {"user_id": "bob", "product_id": f"p{number}", "event_time": "2019-11-30T10:00:00Z", "rating": 5},
            {
                "user_id": "ann",
                "product_id": f"p{number - 1}",
                "event_time": f"{DAYS[number - 1]}T10:00:00Z",
                "rating": 5,
            },
        ]
        (tmp_path / f"{day}.jsonl").write_bytes(b"\n".join(json_line(row) for row in rows))
        # The first day's third row lies in its future: quarantined. That of the other days is a duplicate.
        expected[day] = (3, 2, 1, 0) if number == 0 else (3, 2, 0, 1)
    for name, days in (("forwards", DAYS), ("backwards", DAYS[::-1])):
        shop = Warehouse(spark, tmp_path / name, max_quarantine_share=1.0, sources={"reviews": source})
        for day in days:
            for job in ("ingest.bronze", "ingest.silver"):
                shop.run(job, start=day, end=f"{day[:-1]}{int(day[-1]) + 1}")
        if name == "backwards":  # duplicates are found among earlier deliveries only, so the days are ingested again
            for job in ("ingest.bronze", "ingest.silver"):
                shop.run(job, **DELIVERIES)
        columns = ("day", "rows_in", "silver", "quarantined", "duplicates")
        assert {str(row[0]): row[1:] for row in shop.rows("quality.ingest_counts", *columns)} == expected
