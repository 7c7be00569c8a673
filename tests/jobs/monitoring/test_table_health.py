"""The daily figures of silver, and what a night makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from pyspark.sql import functions as F

FIRST = date(2020, 1, 6)  # a Monday
COLUMNS = ("day", "column", "metric", "value")


def line(day, number, price="2.00", user="u", at=12):
    return {
        "day": day,
        "event_day": day,
        "row_id": f"{day}-{number}",
        "order_id": f"{day}-{number}",
        "product_id": f"p{number}",
        "user_id": user,
        "event_time": datetime(day.year, day.month, day.day, at, tzinfo=UTC),
        "known_at": datetime(day.year, day.month, day.day, at, tzinfo=UTC),
        "quantity": 1 + number,
        "price": Decimal(price),
    }


def counts(day, rows_in, source="orders", **fates):
    row = {"day": day, "source": source, "kind": "transactions", "rows_in": rows_in, "silver": rows_in}
    return row | dict.fromkeys(("quarantined", "duplicates", "excluded"), 0) | fates


def shop(make_warehouse):
    sources = {"orders": {"kind": "transactions", "path": "orders.csv", "format": "csv", "columns": {
        "order_id": "a", "product_id": "b", "event_time": "c", "quantity": "d", "price": "e", "user_id": "f"}}}  # fmt: skip
    return make_warehouse(sources=sources, closed_weekdays=(5,))


def health(warehouse, start, end):
    return warehouse.run("monitoring.table_health", start=str(start), end=str(end))


def test_the_figures_of_a_day_are_those_worked_out_by_hand_and_a_rerun_replaces_them(make_warehouse):
    warehouse, day = shop(make_warehouse), FIRST
    warehouse.seed(
        "silver.transactions", [line(day, 0, "1.00", at=10), line(day, 1, "4.00", None), line(day, 2, "9.00", at=20)]
    )
    warehouse.seed(
        "quality.ingest_counts", [counts(day, 5, quarantined=1), counts(day, 5, "tills", quarantined=2, duplicates=1)]
    )
    for _ in range(2):
        health(warehouse, day, day + timedelta(days=2))
    found = {row[:3]: row[3] for row in warehouse.rows("quality.table_health", *COLUMNS)}
    content = found.pop((day, "", "content"))
    assert content == int(content) and 0 <= content < 2**52
    third = found.pop((day, "user_id", "null_share"))
    assert round(third, 6) == 0.333333
    assert found == {
        (day, "", "rows"): 3.0,
        (day + timedelta(days=1), "", "rows"): 0.0,
        (day, "", "rows_in"): 10.0,
        (day, "", "quarantined_share"): 0.3,
        (day, "", "duplicate_share"): 0.1,
        (day, "", "newest_lag_hours"): 4.0,
        (day, "price", "median"): 4.0,
        (day, "quantity", "median"): 2.0,
    }


def test_a_copied_day_an_empty_one_and_one_never_brought_in_raise_one_alarm_each_and_only_the_window_is_read(
    make_warehouse,
):
    """Three weeks of the past stand in the table alone; silver has this week's days only."""
    warehouse = shop(make_warehouse)
    past = [FIRST + timedelta(days=i) for i in range(19) if (FIRST + timedelta(days=i)).weekday() != 5]
    figure = {"period": "2020-01", "table": "silver.transactions", "column": "", "metric": "rows"}
    warehouse.seed("quality.table_health", [figure | {"day": day, "value": 30.0} for day in past])
    saturday, sunday, monday = (past[-1] + timedelta(days=i) for i in (1, 2, 3))
    copied = [line(sunday, i) for i in range(30)] + [line(monday, i, at=13) for i in range(30)]
    warehouse.seed("silver.transactions", copied)
    warehouse.seed("quality.ingest_counts", [counts(sunday, 30), counts(monday, 30)])

    def alarms(start, end):
        return [(a.kind, a.subject, a.message) for a in health(warehouse, start, end).alarms]

    assert saturday.weekday() == 5
    assert alarms(saturday, monday) == []
    assert alarms(monday, monday + timedelta(days=1)) == [
        ("repeated_day", "silver.transactions", f"{monday}: its 30 rows are those of {sunday}, times aside")
    ]
    tuesday = monday + timedelta(days=1)
    assert alarms(tuesday, tuesday + timedelta(days=1)) == [
        (
            "empty_day",
            "silver.transactions",
            f"{tuesday}: no rows on an open day (0 were delivered), where 30 are usual",
        )
    ]
    thursday = tuesday + timedelta(days=2)
    warehouse.seed("silver.transactions", [line(thursday, i, "3.00") for i in range(30)])
    assert alarms(thursday, thursday + timedelta(days=1)) == [
        ("missing_day", str(thursday - timedelta(days=1)), "no run has ingested 1 open days, 2020-01-29 to 2020-01-29")
    ]
    told = warehouse.read("quality.table_health").where(F.col("finding").isNotNull())
    assert sorted((row["day"], row["metric"], row["finding"]) for row in told.collect()) == [
        (monday, "content", "repeated_day"),
        (tuesday, "rows", "empty_day"),
    ]
