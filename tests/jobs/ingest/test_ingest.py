"""bronze, silver and events of a tiny London shop whose files are in several encodings, worked out by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from libs.errors import OperatorError
from libs.privacy.keys import key_id, pseudonym
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import JOBS, order, orders_source, review, reviews_source, write_lines, write_orders

KEY = "0" * 64
ANN, BOB = pseudonym("ann", KEY), pseudonym("bob", KEY)
WINDOW = {"start": "2011-07-01", "end": "2011-07-10"}

ORDERS = [
    order(order_id="o1", event_time="2011-07-01T23:30:00Z", quantity=2),
    order(order_id="o2", event_time="2011-07-02 09:00:00"),
    order(order_id="o2", event_time="2011-07-02 09:00:00"),
    order(order_id="o2", event_time="2011-07-02 09:00:00", product_id="POST", price="5"),
    order(order_id="o3", event_time="2011-07-03 12:00:00", user_id=""),
    order(order_id="r1", event_time="2011-07-04 12:00:00", quantity=-1),
    order(order_id="r2", event_time="2011-07-05 12:00:00", quantity="-3.0"),
    order(order_id="r3", event_time="2011-07-06 12:00:00", quantity=-1),
    order(order_id="r4", event_time="2011-07-06 12:00:00", quantity=-1, user_id="bob"),
    order(order_id="o9", event_time="2011-07-10 00:00:00"),  # local midnight: the day after the window
]
TITLES = [
    b"product_id,title",
    "café,Café crème".encode("latin-1"),
    b"tea," + "绿茶茶叶礼盒，送礼佳品".encode("gb18030"),
    b"mug,Tom &amp;amp; Jerry <b>mug</b>\xe2\x80\x8b &#163;5",
    b"",
    b"too,many,fields",
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def london(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("london")
    (folder / "titles.csv").write_bytes(b"\r\n".join(TITLES))
    catalogue = {"kind": "products", "path": str(folder / "titles.csv"), "format": "csv",
                 "columns": {"product_id": "product_id", "title": "title"}, "attributes": {"shelf": "left(title, 1)"}}  # fmt: skip
    orders = orders_source(
        write_orders(folder / "orders.csv", ORDERS),
        exclude={"postage": "product_id = 'POST'"},
        sensitive={"area": "'SW1'"},
    )
    shop = Warehouse(
        spark,
        folder / "warehouse",
        timezone="Europe/London",
        max_quarantine_share=0.5,
        sources={"orders": orders, "catalogue": catalogue},
    )
    for job in JOBS:
        shop.run(job, **WINDOW)
    return shop


@pytest.fixture(scope="module")
def events(london: Warehouse) -> dict[str, Row]:
    return {row["basket_id"]: row for row in london.collect("silver.events")}


def utc(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None


def test_an_instant_belongs_to_the_shops_own_day(events: dict[str, Row]) -> None:
    # In summer London is an hour ahead: 23:30 UTC is half past midnight of the next day.
    assert events["o1"]["day"] == date(2011, 7, 2)
    # A time without a zone is local: 09:00 in London is 08:00 UTC.
    assert utc(events["o2"]["event_time"]) == at("2011-07-02 08:00:00")
    assert "o9" not in events


def test_returns_are_positive_facts_of_their_own_date(events: dict[str, Row]) -> None:
    assert {key: (e["kind"], e["quantity"], float(e["amount"])) for key, e in events.items()} == {
        "o1": ("purchase", 2, 5.0),
        "o2": ("purchase", 1, 2.5),
        "o3": ("purchase", 1, 2.5),
        "r1": ("return", 1, 2.5),
        "r2": ("return", 3, 7.5),
        "r3": ("return", 1, 2.5),
        "r4": ("return", 1, 2.5),
    }


def test_a_return_takes_back_the_most_recent_purchase_that_has_pieces_left(events: dict[str, Row]) -> None:
    # ann bought 2 (o1), then 1 (o2). r1 takes o2's piece; r2 finds o1's two, its third piece and r3 find nothing.
    found = {key: utc(events[key]["purchase_time"]) for key in ("r1", "r2", "r3", "r4")}
    o1, o2 = at("2011-07-01 23:30:00"), at("2011-07-02 08:00:00")
    assert found == {"r1": o2, "r2": o1, "r3": None, "r4": None}


def test_every_row_is_accounted_for(london: Warehouse) -> None:
    counts = london.rows(
        "quality.ingest_counts", "source", "day", "rows_in", "silver", "quarantined", "duplicates", "excluded"
    )
    assert counts == [
        ("catalogue", date(1970, 1, 1), 4, 3, 1, 0, 0),
        ("orders", date(2011, 7, 2), 4, 2, 0, 1, 1),
        ("orders", date(2011, 7, 3), 1, 1, 0, 0, 0),
        ("orders", date(2011, 7, 4), 1, 1, 0, 0, 0),
        ("orders", date(2011, 7, 5), 1, 1, 0, 0, 0),
        ("orders", date(2011, 7, 6), 2, 2, 0, 0, 0),
    ]


def test_a_line_that_cannot_be_read_keeps_its_payload(london: Warehouse) -> None:
    assert london.rows("quality.quarantine", "source", "kind", "reason") == [
        ("catalogue", "products", "the line repeats the header, or has not as many fields")
    ]
    assert london.rows("bronze.rejected", "payload") == [("too,many,fields",)]
    assert london.rows("bronze.rejected", "row_id") == london.rows("quality.quarantine", "row_id")


def test_text_of_any_encoding_becomes_clean_utf8(london: Warehouse) -> None:
    assert london.rows("silver.products", "product_id", "title", "day", "known_at") == [
        ("café", "Café crème", date(1970, 1, 1), None),
        ("mug", "Tom & Jerry mug £5", date(1970, 1, 1), None),
        ("tea", "绿茶茶叶礼盒，送礼佳品", date(1970, 1, 1), None),
    ]
    assert london.read("silver.products").where("product_id = 'tea'").first()["attributes"] == {"shelf": "绿"}  # type: ignore[index]


def test_no_raw_user_id_leaves_bronze(london: Warehouse) -> None:
    assert {row["user_id"] for row in london.collect("bronze.transactions")} == {"ann", "bob", None}
    for name in ("silver.transactions", "silver.events"):
        rows = [row.asDict() for row in london.collect(name)]
        assert {row["user_id"] for row in rows} == {ANN, BOB, None}
        assert not {"ann", "bob"} & {value for row in rows for value in row.values() if isinstance(value, str)}
    assert {row[0] for row in london.rows("silver.transactions", "key_id")} == {key_id(KEY)}


def test_another_key_than_the_one_of_the_days_before_is_refused(london: Warehouse) -> None:
    other = Warehouse(london.spark, london.folder)
    other.conf, other.params = london.conf, london.params
    other.secrets = {"pseudonym_key": "1" * 64}
    told = rf"silver.transactions was written under key {key_id(KEY)}, .* key {key_id('1' * 64)}: .*rotate_key"
    with pytest.raises(OperatorError, match=told):
        other.run("ingest.silver", start="2020-01-01", end="2020-01-02")


def test_sensitive_columns_stay_in_their_own_map(london: Warehouse) -> None:
    row = london.read("silver.transactions").first()
    assert row is not None and row["sensitive"] == {"area": "SW1"}
    assert "SW1" not in [value for name, value in row.asDict().items() if name != "sensitive"]


BAD = {
    '{"user_id": "ann", "product_id"': ("the line is not a JSON object", None),
    review(user_id=None): ("user_id is missing", "user_id"),
    review(product_id="  "): ("product_id is missing", "product_id"),
    review(rating="great"): ("rating is not a number", "rating"),
    review(rating="NaN"): ("rating is missing", "rating"),
    review(rating=9): ("rating is not 1 to 5", "rating"),
    review(event_time="yesterday"): ("event_time is not a time", "event_time"),
    review(event_time="1970-01-02"): ("event_time before 1990", "event_time"),
    review(event_time="2414-01-02"): ("event_time lies in the future", "event_time"),
    review(product_id="mug\x00'; drop"): ("product_id holds control characters", "product_id"),
    review(user_id="x" * 257): ("user_id is longer than 256 characters", "user_id"),
}


def test_ten_kinds_of_malformed_rows_are_quarantined_with_the_right_reason(spark: SparkSession, tmp_path: Path) -> None:
    good = [review(user_id=f"u{i}", event_time="2020-01-05") for i in range(209)]
    lines = [line for pair in zip(good[: len(BAD)], BAD, strict=True) for line in pair] + good[len(BAD) :]
    path = write_lines(tmp_path / "reviews.jsonl", lines)
    shop = Warehouse(spark, tmp_path / "w", max_quarantine_share=0.1, sources={"reviews": reviews_source(path)})
    for job in JOBS[:2]:
        shop.run(job)
    assert Counter(shop.rows("quality.quarantine", "reason", "field")) == Counter(BAD.values())
    totals = shop.read("quality.ingest_counts").groupBy().sum("rows_in", "silver", "quarantined", "duplicates").first()
    assert totals is not None and tuple(totals) == (220, 209, 11, 0)
    assert shop.read("bronze.rejected").count() == 11
