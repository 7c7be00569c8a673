from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

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


def rfm(warehouse, *cutoffs):
    for job in ("users.user_ledger", "users.user_rfm"):
        warehouse.run(job, cutoffs=cutoffs or ("2020-02-01",))
    rows = warehouse.own("features.user_rfm")
    return {(str(row["cutoff"]), row["user_id"]): row for row in rows}


def given_back(user: str, product_id: str, day: str, bought: str, quantity: int) -> dict[str, object]:
    at = datetime.fromisoformat(f"{bought}T12:00:00").replace(tzinfo=UTC)
    return event(user, product_id, day, kind="return", quantity=quantity, purchase_time=at)


def test_recency_frequency_money_rhythm_and_usual_price(warehouse):
    warehouse.seed(
        "silver.events",
        [
            event("u", "a", "2020-01-01", quantity=2, amount=Decimal("6.00")),  # 3.00 each
            event("u", "b", "2020-01-01", amount=Decimal("5.00")),
            event("u", "a", "2020-01-04", quantity=1, amount=Decimal("9.00")),
            event("u", "c", "2020-01-14", quantity=1, amount=Decimal("4.00")),
        ],
    )
    row = rfm(warehouse)["2020-02-01", "u"]
    # 14 January is 18 days before 1 February, 1 January 31. Days with an event: 1, 4, 14: gaps 3 and 10, median 6.5.
    assert (row["recency_days"], row["tenure_days"], row["frequency"], row["rhythm_days"]) == (18, 31, 3, 6.5)
    assert (row["events"], row["products"], row["money"]) == (4, 3, Decimal("24.0000"))
    # 3, 4, 5, 9: the median is 4.50.
    assert row["usual_price"] == Decimal("4.5000")
    assert (row["return_rate"], row["ratings"], row["rating_mean"]) == (0.0, 0, None)


def test_returns_lower_money_and_show_in_the_rate_and_all_given_back_is_no_row(warehouse):
    warehouse.seed(
        "silver.events",
        [
            event("u", "a", "2020-01-01", quantity=4, amount=Decimal("10.00")),
            event("u", "b", "2020-01-02", quantity=1, amount=Decimal("7.00")),
            given_back("u", "a", "2020-01-05", "2020-01-01", 1),
            given_back("u", "b", "2020-01-06", "2020-01-02", 1),
            event("v", "a", "2020-01-03"),
            given_back("v", "a", "2020-01-07", "2020-01-03", 1),
        ],
    )
    found = rfm(warehouse, "2020-01-05", "2020-02-01")
    assert found["2020-01-05", "u"]["money"] == Decimal("17.0000")  # no return was known yet
    late = found["2020-02-01", "u"]
    # 3 of 4 pieces for 10.00 are left; 2 of 5 pieces went back; the day of b is gone.
    assert (late["money"], late["return_rate"], late["frequency"], late["recency_days"]) == (Decimal("7.5"), 0.4, 1, 31)
    assert ("2020-02-01", "v") not in found


def test_a_review_in_a_shop_that_sells_is_no_purchase(warehouse):
    def review(user, product_id, day, rating):
        return event(user, product_id, day, kind="review", rating=rating, quantity=None, amount=None)

    warehouse.seed(
        "silver.events",
        [
            event("u", "a", "2020-01-01", amount=Decimal("5.00")),
            review("u", "a", "2020-01-15", 5.0),
            review("u", "b", "2020-01-16", 2.0),
            review("v", "b", "2020-01-20", 4.0),
        ],
    )
    warehouse.seed("features.product_profile", [product("b", price=Decimal("9.00"))])
    found = rfm(warehouse)
    one = found["2020-02-01", "u"]
    assert (one["frequency"], one["events"], one["products"], one["rhythm_days"]) == (1, 1, 1, None)
    assert (one["usual_price"], one["recency_days"], one["ratings"]) == (Decimal("5.0000"), 16, 2)
    never = found["2020-02-01", "v"]
    assert (never["frequency"], never["events"], never["products"], never["usual_price"]) == (0, 0, 0, None)
    assert (never["recency_days"], never["rating_mean"]) == (12, 4.0)


def test_a_shop_of_reviews_has_rating_habits_but_no_money_nor_prices(make_warehouse):
    warehouse = make_warehouse(action="review")
    rated = [("u", "a", 5.0), ("u", "b", 2.0)]
    warehouse.seed(
        "silver.events",
        [event(u, p, "2020-01-03", kind="review", rating=r, quantity=None, amount=None) for u, p, r in rated],
    )
    products = [("a", "9.00", 4.0), ("b", "4.00", 3.5)]
    warehouse.seed(
        "features.product_profile", [product(p, price=Decimal(price), rating_mean=m) for p, price, m in products]
    )
    row = rfm(warehouse)["2020-02-01", "u"]
    assert (row["money"], row["return_rate"], row["rhythm_days"]) == (None, None, None)
    # Nothing was paid, so no price is usual.
    assert (row["usual_price"], row["ratings"], row["rating_mean"]) == (None, 2, 3.5)
    assert (row["frequency"], row["events"], row["products"]) == (1, 2, 2)
    assert row["rating_deviation"] == pytest.approx(3.5 - 3.75)  # the products' means are 4 and 3.5


def test_views_and_guests_are_no_behaviour(warehouse):
    warehouse.seed("silver.events", [event("u", "a", "2020-01-03", kind="view"), event(None, "a", "2020-01-04")])
    assert rfm(warehouse) == {}


def test_a_later_event_changes_nothing_as_of_an_earlier_cutoff_and_order_does_not_show(warehouse, make_warehouse):
    early = [event(f"u{n % 2}", f"p{n % 5}", f"2020-01-{1 + n % 7:02d}", row_id=str(n)) for n in range(30)]
    late = [event("u0", "p9", "2020-01-10"), given_back("u1", "p1", "2020-01-11", "2020-01-02", 1)]
    other = make_warehouse(name="other")
    warehouse.seed("silver.events", early)
    for rows in (late, early[20:], early[:20][::-1]):
        other.seed("silver.events", rows)
    once, again = rfm(warehouse, "2020-01-10"), rfm(other, "2020-01-10", "2020-02-01")
    assert len(once) == 2
    for key, row in once.items():
        assert row.asDict() | {"shop": "other"} == again[key].asDict()
    assert again["2020-02-01", "u0"]["recency_days"] == 22
