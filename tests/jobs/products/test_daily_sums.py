"""Daily sums of a shop of two products, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.builders import event

DAYS = ("product_id", "day", "event_day", "events", "buyers", "ratings", "stars", "price")
D = date.fromisoformat


def test_a_product_s_day_counts_people_once_and_guests_by_basket(warehouse):
    warehouse.seed_events(
        [
            event("u", "a", "2020-01-03", quantity=2, amount=Decimal("7.00"), row_id="1"),
            event("u", "a", "2020-01-03", basket_id="again", amount=Decimal("3.50"), row_id="2"),
            event(None, "a", "2020-01-03", basket_id="g", amount=Decimal("2.00"), row_id="3"),
            event(None, "a", "2020-01-03", basket_id="g", amount=Decimal("2.00"), row_id="4"),
            event("v", "a", "2020-01-03", kind="review", rating=4.5, row_id="5"),
            event("w", "a", "2020-01-03", kind="view", row_id="6"),
            event("u", "a", "2020-01-03", kind="return", row_id="7"),
            event("x", "a", "2020-01-03", row_id="late") | {"day": D("2020-01-09")},
            event("y", "b", "2020-01-04", kind="return"),
        ]
    )
    # 3.50 twice (7.00 for two, 3.50) and 2.00 twice: the lower. Buyers: u and the guest; no review, no view, no return.
    day = D("2020-01-03")
    assert warehouse.rows("features.product_days", *DAYS) == [
        ("a", day, day, 6, 2, 1, Decimal("4.500"), Decimal("2.0000")),
        ("a", D("2020-01-09"), day, 1, 1, 0, None, Decimal("1.0000")),
        ("b", D("2020-01-04"), D("2020-01-04"), 0, 0, 0, None, None),
    ]


def test_a_basket_s_day_holds_its_distinct_products_and_a_step_stands_in_for_a_basket(warehouse):
    step = {"basket_id": None}
    warehouse.seed_events(
        [
            event("u", "b", "2020-01-03", basket_id="o1", row_id="1"),
            event("u", "a", "2020-01-03", basket_id="o1", row_id="2"),
            event("u", "a", "2020-01-03", basket_id="o1", row_id="3"),
            event("u", "c", "2020-01-03", basket_id="o1", row_id="late") | {"day": D("2020-01-05")},
            event("v", "a", "2020-01-03", **step), event("v", "b", "2020-01-03", **step),
            event(None, "a", "2020-01-03", **step),  # of nobody and of no basket
            event("v", "d", "2020-01-03", kind="return", basket_id="o1"),
        ],
        "products.basket_days",
    )  # fmt: skip
    found = warehouse.read("features.basket_days").select("user_id", "day", "products", "basket").collect()
    assert sorted((r["user_id"], str(r["day"]), r["products"]) for r in found) == [
        ("u", "2020-01-03", ["a", "b"]), ("u", "2020-01-05", ["c"]), ("v", "2020-01-03", ["a", "b"]),
    ]  # fmt: skip
    assert len({r["basket"] for r in found}) == 2


def test_a_rerun_of_a_day_replaces_that_day_alone(warehouse):
    warehouse.seed_events([event("u", "a", "2020-01-03"), event("u", "a", "2020-01-04")])
    before = warehouse.rows("features.product_days", *DAYS)
    warehouse.seed("silver.events", [event("v", "a", "2020-01-03"), event("v", "a", "2020-01-04")])
    warehouse.run("products.product_days", start="2020-01-04", end="2020-01-05")
    after = warehouse.rows("features.product_days", *DAYS)
    assert after[0] == before[0] and after[1][4] == 2 and len(after) == 2


def test_a_review_is_read_once_and_one_that_mentions_nothing_has_no_row(warehouse):
    rows = [
        event("u", "a", "2020-01-03", rating=5.0) | {"body": "Wonderful vocals and lyrics"},
        event("v", "a", "2020-01-03", rating=1.0) | {"body": "A gift for my uncle"},
    ]
    warehouse.seed("silver.reviews", [{k: v for k, v in row.items() if k != "kind"} for row in rows])
    warehouse.run("products.review_aspects")
    assert warehouse.rows("features.review_aspects", "product_id", "user_id", "rating", "aspects") == [
        ("a", "u", 5.0, ["lyrics", "vocals"])
    ]
