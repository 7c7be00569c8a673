from __future__ import annotations

import pytest

from tests.builders import event
from tests.jobs.candidates.rows import CUTOFF, history, lists, product, with_sign

USERS = [history("u", ("2020-01-01", "a")), history("v", ("2020-01-01", "b"))]
EVENTS = [
    event("u", "a", "2020-01-25"), event("v", "a", "2020-01-18"),  # 7 and 14 days old
    event("u", "b", "2020-01-25", row_id="1"),
    event("u", "b", "2020-01-25", row_id="2", basket_id="again"),  # the same user and day: once
    event(None, "c", "2020-01-25"), event(None, "d", "2020-01-25"),
]  # fmt: skip


def test_everybody_gets_the_decayed_best_sellers_ties_by_product(warehouse):
    warehouse.params["candidates.popular"] = {"half_life_days": 7.0, "size": 3}
    warehouse.seed("features.user_history", USERS)
    warehouse.seed_events(EVENTS)
    found = lists(warehouse, "popular")
    # a: .5 + .25; b, c, d: .5 each.
    expected = [(1, "a", 0.75, 1.0), (2, "b", 0.5, 0.5 / 0.75), (3, "c", 0.5, 0.5 / 0.75)]
    assert [row[:5] for row in found] == [(user, *row) for user in ("u", "v") for row in expected]
    assert all(row[5] == {} for row in found)


def test_the_day_itself_and_what_is_known_later_count_for_nothing(warehouse):
    warehouse.seed("features.user_history", USERS)
    later = [event("w", "z", "2020-02-01"), event("w", "z", "2020-01-20", row_id="late") | {"day": CUTOFF}]
    warehouse.seed_events(EVENTS + later)
    assert {row[2] for row in lists(warehouse, "popular")} == {"a", "b", "c", "d"}


def test_what_a_user_dislikes_makes_nothing_popular(warehouse):
    warehouse.params["candidates.popular"] = {"half_life_days": 7.0}
    liked = history("v", ("2020-01-18", "a"), ("2020-01-25", "b"))
    disliked = with_sign(history("u", ("2020-01-25", "a b")), "a", -1)
    again = with_sign(history("w", ("2020-01-25", "b")), "b", -1, "review")  # in a shop that sells: nothing to take off
    warehouse.seed("features.user_history", [liked, disliked, again])
    warehouse.seed_events(EVENTS)
    # a: .5 of u is taken off, .25 of v stays.
    assert {row[2]: row[3] for row in lists(warehouse, "popular")} == {"a": 0.25, "b": 0.5, "c": 0.5, "d": 0.5}


def taste(user: str, value: str, share: float) -> dict[str, object]:
    return {"cutoff": CUTOFF, "user_id": user, "dimension": "category", "value": value, "share": share, "count": 1,
            "total": 1}  # fmt: skip


def test_categories_are_drawn_by_taste_and_products_by_count(warehouse):
    warehouse.seed("features.product_profile", [
        product("a", "Pop"), product("b", "Pop", "Pop > Indie"), product("c", "Jazz"), product("d"),
    ])  # fmt: skip
    warehouse.params["candidates.popular_in_category"] = {"half_life_days": 7.0}
    warehouse.seed("features.user_history", USERS)
    warehouse.seed_events(EVENTS)
    warehouse.seed("features.user_taste", [
        taste("u", "Pop", 0.75), taste("u", "Pop > Indie", 0.5), taste("u", "Jazz", 0.25),
        {**taste("v", "Pop", 1.0), "dimension": "brand"}, taste("gone", "Pop", 1.0),
    ])  # fmt: skip
    # Pop holds .75 (a) + .5 (b): chances .6 and .4; Indie b alone; Jazz c alone.
    # u: a .75 * .6 = .45, b .75 * .4 + .5 = .8, c .25. v tells no category; "gone" has no history.
    found = lists(warehouse, "popular_in_category")
    assert [row[:3] for row in found] == [("u", 1, "b"), ("u", 2, "a"), ("u", 3, "c")]
    assert [row[3] for row in found] == pytest.approx([0.8, 0.45, 0.25])
    assert [row[4] for row in found] == pytest.approx([1, 0.5625, 0.3125])
