from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.builders import event

D = date.fromisoformat


def product(product_id: str, cutoff: str = "2020-02-01", **other: object) -> dict[str, object]:
    row = {"cutoff": D(cutoff), "product_id": product_id, "title": product_id, "categories": []}
    return (
        row
        | {"buyers": 0, "buyers_recent": 0, "recent_days": 28, "ratings": 0, "aspects": [], "text_hash": product_id}
        | other
    )


def tastes(warehouse, cutoff="2020-02-01"):
    for job in ("users.user_ledger", "users.user_taste"):
        warehouse.run(job, cutoffs=(cutoff,))
    rows = warehouse.own("features.user_taste")
    return {
        (r["user_id"], r["dimension"], r["value"]): (r["share"], r["count"], r["total"])
        for r in rows
        if str(r["cutoff"]) == cutoff
    }


def records(warehouse):
    """Four records; nearly the whole shop is Music, which tells nothing."""
    paths = {"a": ["Music", "Music > Soul"], "b": ["Music", "Music > Rock"], "c": ["Music", "Music > Rock"]}
    rows = [product(p, brand=f"brand of {p}", categories=path) for p, path in paths.items()]
    warehouse.seed("features.product_profile", [*rows, product("d", price_band="low", categories=["Music"])])


def test_shares_are_of_the_decayed_weight_and_counts_of_distinct_products(warehouse):
    warehouse.params["users.user_taste"] = {"half_life_days": 10}
    records(warehouse)
    warehouse.seed(
        "silver.events",
        [
            # Ages from the user's last event: 0 days weigh 1, 10 days 1/2, 20 days 1/4.
            event("u", "a", "2010-01-22"),
            event("u", "b", "2010-01-12"),
            event("u", "b", "2010-01-02"),
            event("u", "d", "2010-01-02"),  # Music and nothing narrower, no brand
        ],
    )
    found = tastes(warehouse)
    assert found["u", "category", "Music > Soul"] == (0.5, 1, 3)  # 1 of 2
    assert found["u", "category", "Music > Rock"] == (0.375, 1, 3)
    assert ("u", "category", "Music") not in found
    # The brand of d is not known, so the whole is 7/4: 1 / (7/4) and (3/4) / (7/4).
    assert found["u", "brand", "brand of a"] == (pytest.approx(4 / 7), 1, 2)
    assert found["u", "brand", "brand of b"] == (pytest.approx(3 / 7), 1, 2)
    assert found["u", "price_band", "low"] == (1.0, 1, 1)


def test_only_the_greatest_shares_are_kept_the_deeper_category_first(warehouse):
    warehouse.params["users.user_taste"] = {"kept": 1}
    rows = [product("a", categories=["Home", "Home > Light"], brand="z"), product("b", categories=["Toys"], brand="y")]
    warehouse.seed("features.product_profile", rows)
    warehouse.seed("silver.events", [event("u", p, "2020-01-03") for p in "ab"])
    # Home, Home > Light and Toys are equal, and so are the brands.
    assert set(tastes(warehouse)) == {("u", "category", "Home > Light"), ("u", "brand", "y")}


def test_what_was_given_back_disliked_or_only_looked_at_is_no_taste(warehouse):
    records(warehouse)
    at = datetime(2020, 1, 3, 12, tzinfo=UTC)
    warehouse.seed(
        "silver.events",
        [
            event("u", "a", "2020-01-03"),
            event("u", "a", "2020-01-05", kind="return", purchase_time=at),
            event("u", "c", "2020-01-06", kind="view"),
            event("u", "b", "2020-01-07"),
            event("u", "a", "2020-02-01"),  # on the day of the cut-off: not known yet
            event("v", "c", "2020-01-07"),
            event("v", "b", "2020-01-07"),
            event("v", "b", "2020-01-09", kind="review", rating=2.0, quantity=None, amount=None),
        ],
    )
    found = tastes(warehouse)
    brands = {(user, value) for user, dimension, value in found if dimension == "brand"}
    assert brands == {("u", "brand of b"), ("v", "brand of c")}


def test_order_of_the_rows_does_not_show(warehouse, make_warehouse):
    rows = [event(f"u{n % 3}", "abcd"[n % 4], f"2020-01-{1 + n % 9:02d}", row_id=str(n)) for n in range(40)]
    other = make_warehouse(name="other")
    records(warehouse)
    records(other)
    warehouse.seed("silver.events", rows)
    for part in (rows[25:], rows[:25][::-1]):
        other.seed("silver.events", part)
    once = tastes(warehouse)
    assert len(once) > 10
    assert once == tastes(other)
