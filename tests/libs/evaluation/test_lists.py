from __future__ import annotations

import doctest
from datetime import UTC, date, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.evaluation import lists as evaluation
from libs.evaluation.lists import best, sample, targets, users_with_targets
from tests.builders import event

HISTORY = (
    "cutoff date, user_id string, owned array<string>, disliked array<string>,"
    " events array<struct<product_id:string,rating:double,sign:int>>"
)
DAYS = (date(2020, 1, 1), date(2020, 1, 11))


def rows(frame, *columns):
    return sorted(tuple(map(str, row)) for row in frame.select(*columns).collect())


def test_examples_in_docstrings_hold():
    result = doctest.testmod(evaluation)
    assert (result.attempted > 0, result.failed) == (True, 0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.2, 0.2, 0.7, 1.0])), max_size=40), st.integers(1, 5)
)
def test_best_is_a_stable_sort_by_score_cut_at_the_depth(pairs, depth):
    pairs = sorted(pairs, key=lambda pair: pair[0])
    group = np.array([g for g, _ in pairs], dtype=np.int64)
    scores = np.array([s for _, s in pairs], dtype=np.float64)
    expected = []
    for g in range(4):
        own = [i for i in range(len(pairs)) if group[i] == g and scores[i] > 0]
        expected += [(i, place) for place, i in enumerate(sorted(own, key=lambda i: -scores[i])[:depth], 1)]
    found, places = best(group, scores, depth)
    assert list(zip(found.tolist(), places.tolist(), strict=True)) == expected


def test_a_window_holds_its_first_day_not_its_last_and_only_what_was_known_by_its_end(warehouse):
    warehouse.seed(
        "silver.events",
        [
            event("u", "before", "2019-12-31"),
            event("u", "first", "2020-01-01"),
            event("u", "again", "2020-01-02", row_id="1"),
            event("u", "again", "2020-01-03", row_id="2"),
            event("u", "late", "2020-01-04") | {"day": date(2020, 1, 11)},
            event("u", "next", "2020-01-11"),
            event("u", "after", "2020-01-21"),
            event("u", "seen", "2020-01-05", kind="view"),
            event("u", "back", "2020-01-06", kind="return"),
            event(None, "guest", "2020-01-05"),
        ],
    )
    taken = targets(warehouse.read("silver.events"), DAYS, 10, warehouse.conf.shop)
    assert rows(taken, "cutoff", "taken") == [
        ("2020-01-01", "['again', 'first']"),
        ("2020-01-11", "['next']"),
    ]


def test_what_the_window_dislikes_or_gives_back_is_no_target(warehouse):
    def review(product, day, stars):
        return event(
            "u", product, day, kind="review", rating=stars, quantity=None, amount=None, row_id=f"{product}{day}"
        )

    def back(product, day, bought, quantity):
        at = datetime(2020, 1, bought, 12, tzinfo=UTC)
        return event("u", product, day, kind="return", quantity=quantity, purchase_time=at, row_id=f"{product} back")

    bought = [
        event("u", p, "2020-01-02", quantity=2) for p in ("fine", "bad", "mended", "neutral", "part", "gone", "old")
    ]
    warehouse.seed(
        "silver.events",
        [
            *bought,
            review("fine", "2020-01-03", 5.0),
            review("bad", "2020-01-03", 2.0),
            review("mended", "2020-01-03", 1.0), review("mended", "2020-01-04", 4.0),
            review("neutral", "2020-01-03", 3.0),
            review("only reviewed", "2020-01-03", 5.0),  # no purchase, in a shop that sells
            back("part", "2020-01-05", 2, 1), back("gone", "2020-01-05", 2, 2),
            back("old", "2020-01-05", 1, 2),  # of a purchase before this one
        ],
    )  # fmt: skip
    taken = targets(warehouse.read("silver.events"), DAYS[:1], 10, warehouse.conf.shop)
    assert rows(taken, "taken") == [("['fine', 'mended', 'neutral', 'old', 'part']",)]


def test_the_sample_is_bounded_holds_known_users_and_does_not_depend_on_the_order_of_rows(spark):
    taken = [(day, f"u{i:02d}", ["p", "q"]) for i in range(40) for day in DAYS]
    known = [(day, f"u{i:02d}", ["q"], [], []) for i in range(30) for day in DAYS]

    def users(rows, parts):
        frame = spark.createDataFrame(rows, "cutoff date, user_id string, taken array<string>").repartition(parts)
        history = spark.createDataFrame(known, HISTORY)
        return sample(users_with_targets(frame, history), 15)

    once, again = (
        rows(users(given, parts), "cutoff", "user_id", "place", "n_all", "n_first")
        for given, parts in ((taken, 1), (taken[::-1], 5))
    )
    assert once == again
    assert [sum(row[0] == str(day) for row in once) for day in DAYS] == [15, 15]
    assert max(row[1] for row in once) <= "u29"
    assert {row[3:] for row in once} == {("2", "1")}
    # Each window draws its own users.
    assert {row[1] for row in once if row[0] == str(DAYS[0])} != {row[1] for row in once if row[0] == str(DAYS[1])}
