"""The same rows end in the same tables, whatever the order, the files, the partitions and the windows they come in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from libs.spark.session import with_settings
from libs.tables import table
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import (
    JOBS,
    ORDER_COLUMNS,
    REVIEW_COLUMNS,
    order,
    orders_source,
    review,
    reviews_source,
    write_lines,
    write_orders,
)

TABLES = ("bronze.transactions", "bronze.rejected", "silver.transactions", "silver.events", "quality.quarantine",
          "quality.ingest_counts")  # fmt: skip
DAYS = [f"2020-01-{day:02d}" for day in range(1, 9)]


def lines() -> list[str]:
    """Eighty orders of five users: returns, equal rows, guests, bad rows among them."""
    rng = random.Random(7)
    rows = []
    for i in range(80):
        day, hour = rng.choice(DAYS), rng.randrange(24)
        quantity = rng.choice([1, 1, 2, 5, -1, -2])
        rows.append(
            order(order_id=f"o{i // 2}", user_id=rng.choice(["ann", "bob", "cat", "dan", ""]),
                  product_id=rng.choice(["mug", "tea"]), event_time=f"{day}T{hour:02d}:00:00Z", quantity=quantity)
        )  # fmt: skip
    return [*rows, *rows[:5], rows[0], order(event_time="never"), order(price="-1"), "1,2"]


def contents(shop: Warehouse) -> dict[str, list[str]]:
    return {name: sorted(map(str, shop.read(name).select(*table(name).column_names).collect())) for name in TABLES}


def test_order_files_partitions_reruns_and_windows_change_nothing(spark: SparkSession, tmp_path: Path) -> None:
    rows = lines()
    write_orders(tmp_path / "one" / "orders.csv", rows)
    shuffled = random.Random(1).sample(rows, len(rows))
    for i in range(3):
        write_orders(tmp_path / "three" / f"orders{i}.csv", shuffled[i::3])
    one, three, daily = (
        Warehouse(spark, tmp_path / name, max_quarantine_share=0.2, sources={"orders": orders_source(path)})
        for name, path in (
            ("w1", tmp_path / "one" / "orders.csv"),
            ("w3", tmp_path / "three"),
            ("wd", tmp_path / "three"),
        )
    )
    for job in JOBS:
        one.run(job, start=DAYS[0], end="2020-01-09")
    expected = contents(one)
    assert len(expected["silver.events"]) == 80
    assert len(expected["quality.quarantine"]) == 3
    with with_settings(spark, {"spark.sql.shuffle.partitions": "5"}):
        for job in JOBS:
            three.run(job, start=DAYS[0], end="2020-01-09")
    assert contents(three) == expected
    for start, end in (("2020-01-01", "2020-01-04"), ("2020-01-04", "2020-01-09"), ("2020-01-01", "2020-01-04")):
        for job in JOBS:
            daily.run(job, start=start, end=end)
    assert contents(daily) == expected


def test_an_order_delivered_again_on_a_later_day_is_a_duplicate(
    make_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    first, second = order(order_id="o1", event_time="2020-01-01 10:00:00"), order(order_id="o2")
    write_orders(tmp_path / "2020-01-04.csv", [first])
    write_orders(tmp_path / "2020-01-05.csv", [second, first])
    shop = make_warehouse(sources={"orders": orders_source(tmp_path / "{date}.csv")})
    for start, end in (("2020-01-04", "2020-01-05"), ("2020-01-05", "2020-01-06")):
        for job in JOBS[:2]:
            shop.run(job, start=start, end=end)
    assert shop.rows("silver.transactions", "day", "order_id") == [(date(2020, 1, 4), "o1"), (date(2020, 1, 5), "o2")]
    assert shop.rows("quality.ingest_counts", "day", "rows_in", "duplicates") == [
        (date(2020, 1, 4), 1, 0),
        (date(2020, 1, 5), 2, 1),
    ]


def test_what_comes_long_after_is_a_row_of_its_own_however_the_days_are_parted(
    make_warehouse: Callable[..., Warehouse], spark: SparkSession, tmp_path: Path
) -> None:
    """On the 25th again within 31 days of the 4th; in March again within 31 days of the 25th, and long after."""
    days = ("2020-01-04", "2020-01-25", "2020-02-20", "2020-03-31")
    for day in days:
        write_orders(tmp_path / f"{day}.csv", [order(order_id="o1", event_time="2020-01-01 10:00:00")])
    sources = {"orders": orders_source(tmp_path / "{date}.csv")}
    all_days = [date(2020, 1, 4) + timedelta(days=n) for n in range(88)]
    closed = [str(day) for day in all_days if str(day) not in days]
    once = make_warehouse(sources=sources, closed_days=closed)
    nightly = Warehouse(spark, tmp_path / "nightly", sources=sources, closed_days=closed)
    for job in JOBS[:2]:
        once.run(job, start=days[0], end="2020-04-01")
    for day in days:
        for job in JOBS[:2]:
            nightly.run(job, start=day, end=str(date.fromisoformat(day) + timedelta(days=1)))
    for shop in (once, nightly):
        assert [str(day) for (day,) in shop.rows("silver.transactions", "day")] == [days[0], days[3]]
    assert contents(once) == contents(nightly)


def test_a_rerun_replaces_what_a_corrected_delivery_no_longer_tells(
    make_warehouse: Callable[..., Warehouse], tmp_path: Path
) -> None:
    path = write_orders(tmp_path / "orders.csv", [order(order_id="o1"), order(order_id="o2", price="free")])
    shop = make_warehouse(sources={"orders": orders_source(path)}, max_quarantine_share=0.5)
    for price in ("free", "3"):
        write_orders(path, [order(order_id="o1"), order(order_id="o2", price=price)])
        for job in JOBS:
            shop.run(job)
    assert shop.rows("silver.events", "basket_id") == [("o1",), ("o2",)]
    assert shop.read("quality.quarantine").isEmpty()
    assert shop.read("bronze.rejected").isEmpty()


_POISON = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.none(),
    st.sampled_from(
        ["2020-01-05", "1e400", "-0", "\x00", "𝄞\u202e", "<script>", "9" * 400, "12:30", "2020-13-45T99:00"]
    ),
)
_REVIEW = st.fixed_dictionaries({}, optional=dict.fromkeys(REVIEW_COLUMNS, _POISON))
_LINE = st.one_of(
    _REVIEW.map(json.dumps), st.text(max_size=30).map(lambda text: text.replace("\n", " ").replace("\r", " "))
)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_LINE, min_size=60, max_size=120))
def test_poison_rows_neither_stop_the_run_nor_get_lost(
    spark: SparkSession, tmp_path_factory, poison: list[str]
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("poison")
    good = [review(user_id=f"u{i}") for i in range(5)]
    path = write_lines(folder / "reviews.jsonl", [line.encode("utf-8", "replace").decode() for line in poison + good])
    shop = Warehouse(spark, folder / "w", max_quarantine_share=1.0, sources={"reviews": reviews_source(path)})
    for job in JOBS:
        shop.run(job)
    silver = [row.asDict() for row in shop.collect("silver.reviews")]
    assert len(silver) >= 5
    assert all(
        1 <= row["rating"] <= 5 and len(row["user_id"]) == 32 and len(row["product_id"]) <= 256 for row in silver
    )
    assert all(row["event_day"] == row["day"] for row in silver)
    rejected = shop.read("quality.quarantine").where("reason is not null").count()
    counts = [row.asDict() for row in shop.collect("quality.ingest_counts")]
    assert sum(row["quarantined"] for row in counts) == rejected
    assert all(r["rows_in"] == r["silver"] + r["quarantined"] + r["duplicates"] + r["excluded"] for r in counts)
    assert sum(row["silver"] for row in counts) == len(silver)
    # A row whose time lies outside the window belongs to another run; no other is left out.
    assert sum(row["rows_in"] for row in counts) <= sum(line.strip(" ") != "" for line in poison) + 5


def test_lines_of_the_tests_are_as_wide_as_their_header() -> None:
    assert {line.count(",") for line in lines()[:-1]} == {len(ORDER_COLUMNS) - 1}
