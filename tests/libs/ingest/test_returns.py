"""Returns take pieces off the newest purchases; each case worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from libs.ingest.returns import paired, take_back
from libs.spark.session import with_settings


def test_pieces_come_off_the_newest_purchase_first() -> None:
    stack = [[1, 100, 2], [2, 200, 1], [3, 300, 4]]
    assert take_back(stack, 0, 400, 5) == 300  # 4 of the last, 1 of the one before
    assert stack == [[1, 100, 2]]


def test_a_later_purchase_is_not_taken_back() -> None:
    stack = [[1, 100, 1], [2, 200, 1]]
    assert take_back(stack, 0, 199, 1) == 100
    assert stack == [[2, 200, 1]]


def test_a_purchase_at_the_return_s_own_instant_is_taken_back() -> None:
    stack = [[1, 100, 1], [2, 200, 1]]
    assert take_back(stack, 0, 200, 1) == 200  # a shop that tells dates alone
    assert stack == [[1, 100, 1]]


def test_a_purchase_out_of_reach_is_left_alone() -> None:
    stack = [[1, 100, 1], [9, 900, 1]]
    assert take_back(stack, 5, 1000, 2) == 900
    assert take_back(stack, 5, 1100, 1) is None
    assert stack == [[1, 100, 1]]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=40), st.integers(0, 10))
def test_reach_makes_the_start_of_the_history_irrelevant(steps: list[tuple[bool, int]], reach: int) -> None:
    """Days are the steps' numbers. Dropping what lies more than `reach` before the last step changes nothing of it."""

    def last(first: int) -> int | None:
        stack: list[list[int]] = []
        found = None
        for day, (buys, pieces) in list(enumerate(steps))[first:]:
            if buys:
                stack.append([day, day * 10, pieces])
            else:
                found = take_back(stack, day - reach, day * 10, pieces)
        return found

    steps = [*steps, (False, 1)]
    assert last(0) == last(max(0, len(steps) - 1 - reach))


def test_lines_of_a_user_and_product_stay_together_however_spark_joins(spark) -> None:
    """Tables whose size is known late: Spark may then send less over the network, and part what a plan had put together."""
    settings = {
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.adaptive.autoBroadcastJoinThreshold": "10MB",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
    }
    bought, back = datetime(2020, 1, 1, 12, tzinfo=UTC), datetime(2020, 1, 5, 12, tzinfo=UTC)
    schema = "user_id string, product_id string, day date, event_time timestamp, quantity int, row_id string"
    # Each of the eight tasks of the scan has either purchases or returns.
    told = [(f"u{n}", "p", at.date(), at, q, f"{q} {n}") for at, q in ((bought, 1), (back, -1)) for n in range(40)]
    lines = spark.createDataFrame(spark.sparkContext.parallelize(told, 8), schema)
    with with_settings(spark, settings):
        found = paired(lines, 30).collect()
    assert sorted((row.day, row.row_id) for row in found) == sorted((date(2020, 1, 5), f"-1 {n}") for n in range(40))
    assert {row.purchase_time.astimezone(UTC) for row in found} == {bought}
