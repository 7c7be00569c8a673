from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from libs.text.encoder import encoder_id
from tests.builders import event

D = date.fromisoformat


def text(product: str, cutoff: str = "2020-02-01", **other: object) -> dict[str, object]:
    row = {"cutoff": D(cutoff), "product_id": product, "title": product, "categories": []}
    return row | {"text": product, "text_hash": product} | other


def review(user: str, product: str, day: str, rating: float, body: str) -> dict[str, object]:
    return event(user, product, day, kind="review", rating=rating, quantity=None, amount=None) | {"body": body}


def seed_reviews(warehouse, rows):
    warehouse.seed("silver.reviews", [{k: v for k, v in row.items() if k != "kind"} for row in rows])
    warehouse.seed_events(rows, "products.product_days", "products.review_aspects")


def profiles(warehouse, *cutoffs):
    for job in ("users.user_ledger", "users.user_history", "products.product_profile"):
        warehouse.run(job, cutoffs=cutoffs or ("2020-02-01",))
    rows = warehouse.own("features.product_profile")
    return {(str(row["cutoff"]), row["product_id"]): row for row in rows}


def test_buyers_are_known_users_who_kept_it_and_do_not_dislike_it(warehouse):
    warehouse.seed("features.product_text", [text("a"), text("unsold")])
    warehouse.seed_events(
        [
            event("u", "a", "2019-12-01"),
            event("u", "a", "2019-12-05"),
            event("v", "a", "2020-01-20"),
            event(None, "a", "2020-01-04", basket_id="g1", row_id="1"),  # 28 days before the cut-off: recent
            event(None, "a", "2020-01-04", basket_id="g1", row_id="2"),
            event(None, "a", "2020-01-03", basket_id="g2", row_id="3"),
            event("w", "a", "2020-01-22", kind="return"),
            event("x", "a", "2020-01-25", kind="view"),
            event("y", "a", "2020-01-20"),
            review("y", "a", "2020-01-22", 1.0, ""),
            review("z", "a", "2020-01-23", 5.0, ""),  # who never bought it
        ],
    )
    found = profiles(warehouse)
    row = found["2020-02-01", "a"]
    # u and v bought it; of these v within 28 days. Guests are nobody that a sentence may speak of.
    assert (row["buyers"], row["buyers_recent"], row["recent_days"]) == (2, 1, 28)
    assert (row["first_day"], row["last_day"]) == (D("2019-12-01"), D("2020-01-25"))
    unsold = found["2020-02-01", "unsold"]
    # The shop's mean of 1 and 5 stars.
    assert (unsold["buyers"], unsold["ratings"], unsold["rating_shrunk"], unsold["first_day"]) == (0, 0, 3.0, None)


def test_ratings_are_drawn_towards_the_mean_of_the_shop(warehouse):
    warehouse.params["products.product_profile"] = {"prior_ratings": 2}
    warehouse.seed("features.product_text", [text("a"), text("b"), text("c")])
    seed_reviews(warehouse, [
        review("u", "a", "2020-01-01", 5.0, ""), review("v", "a", "2020-01-02", 4.0, ""),
        review("u", "b", "2020-01-03", 1.0, ""), review("v", "b", "2020-02-01", 1.0, "too late"),
    ])  # fmt: skip
    found = profiles(warehouse)
    mean = 10 / 3  # 5 + 4 + 1 over three ratings
    a, b, c = (found["2020-02-01", p] for p in "abc")
    assert (a["ratings"], a["rating_mean"]) == (2, 4.5)
    assert a["rating_shrunk"] == pytest.approx((2 * mean + 9) / 4)
    assert (b["ratings"], b["rating_mean"]) == (1, 1.0)
    assert b["rating_shrunk"] == pytest.approx((2 * mean + 1) / 3)
    assert c["rating_mean"] is None
    assert c["rating_shrunk"] == pytest.approx(mean)


def test_aspects_count_reviews_that_mention_them_and_quote_only_praise(warehouse):
    warehouse.params["products.product_profile"] = {"quoted_reviews": 1}
    warehouse.seed("features.product_text", [text("a"), text("a", "2020-01-03")])
    seed_reviews(warehouse, [
        review("u", "a", "2020-01-01", 5.0, "Wonderful vocals, what a voice"),
        review("v", "a", "2020-01-02", 2.0, "Weak vocals"),
        review("w", "a", "2020-01-05", 4.0, "The vocals and the lyrics"),
    ])  # fmt: skip
    found = profiles(warehouse, "2020-01-03", "2020-02-01")
    counts = {
        cutoff: {x["aspect"]: (x["praising"], x["mentioning"], len(x["review_ids"])) for x in row["aspects"]}
        for (cutoff, _), row in found.items()
    }
    assert counts["2020-01-03"] == {"vocals": (1, 2, 1)}
    assert counts["2020-02-01"] == {"vocals": (2, 3, 1), "lyrics": (1, 1, 1)}
    assert found["2020-01-03", "a"]["aspects"][0]["review_ids"] == ["u-a-2020-01-01"]


def test_price_bands_are_thirds_within_the_top_category(warehouse):
    def priced(product, price, top):
        return text(product, price=Decimal(price) if price else None, categories=[top, f"{top} > x"])

    # Of 3 prices: (0 + 1/2)/3 = 1/6 low, 1/2 middle, 5/6 high. Two equal ones of four stand at (0 + 1)/4 low.
    rows = [priced("l", 1, "A"), priced("m", 2, "A"), priced("h", 3, "A"), priced("n", None, "A")]
    rows += [
        priced("e1", 5, "B"),
        priced("e2", 5, "B"),
        priced("f", 6, "B"),
        priced("g", 7, "B"),
        priced("one", 9, "C"),
    ]
    warehouse.seed("features.product_text", rows)
    bands = {product: row["price_band"] for (_, product), row in profiles(warehouse).items()}
    assert bands == {
        "l": "low", "m": "middle", "h": "high", "n": None, "e1": "low", "e2": "low", "f": "middle", "g": "high",
        "one": "middle",
    }  # fmt: skip


def test_the_lowest_price_of_30_days_is_of_those_before_the_present_one(warehouse):
    # 30 days before 1 February is 2 January.
    prices = {
        "raised again": [("2019-12-01", 26), ("2020-01-20", 13), ("2020-01-28", 22)],
        "dropped": [("2019-12-01", 26), ("2020-01-20", 13), ("2020-01-28", 13)],
        "up and down": [("2020-01-03", 8), ("2020-01-10", 10), ("2020-01-28", 8)],
        "until the 1st": [("2019-12-01", 26), ("2020-01-02", 13)],
        "until the 2nd": [("2019-12-01", 26), ("2020-01-03", 13)],
        "unchanged": [("2019-12-01", 26), ("2020-01-20", 26)],
    }
    warehouse.seed("features.product_text", [text(p, price=Decimal(told[-1][1])) for p, told in prices.items()])
    sold = [event("u", p, day, amount=Decimal(price)) for p, told in prices.items() for day, price in told]
    warehouse.seed_events(sold)
    rows = profiles(warehouse)
    assert {row["rating_shrunk"] for row in rows.values()} == {None}  # nobody rated anything in this shop
    found = {p: row["lowest_price_30d"] for (_, p), row in rows.items()}
    assert found == {"raised again": 13, "dropped": 26, "up and down": 8, "until the 1st": None, "until the 2nd": 26,
                     "unchanged": None}  # fmt: skip


def test_the_vector_is_that_of_the_text_under_the_encoder_in_use(warehouse):
    warehouse.seed("features.product_text", [text("a"), text("b")])
    vectors = [(encoder_id(), [1.0]), ("another", [2.0])]
    warehouse.seed("features.text_vectors", [{"model_id": m, "text_hash": "a", "vector": v} for m, v in vectors])
    found = profiles(warehouse)
    assert [found["2020-02-01", p]["vector"] for p in "ab"] == [[1.0], None]


def test_a_later_event_changes_nothing_as_of_an_earlier_cutoff_and_order_does_not_show(warehouse, make_warehouse):
    texts = [text(p, c) for p in "ab" for c in ("2020-01-10", "2020-02-01")]
    early = [review(f"u{n}", "ab"[n % 2], f"2020-01-0{1 + n}", float(1 + n % 5), "good vocals") for n in range(8)]
    late = [review("z", "a", "2020-01-10", 1.0, "bad lyrics"), event("y", "b", "2020-01-12")]
    other = make_warehouse(name="other")
    for place, rows in ((warehouse, early), (other, [*late, *reversed(early)])):
        place.seed("features.product_text", texts)
        seed_reviews(place, [row for row in rows if row["kind"] == "review"])
        place.seed_events([row for row in rows if row["kind"] != "review"])
    once, again = profiles(warehouse, "2020-01-10"), profiles(other, "2020-01-10", "2020-02-01")
    assert len(once) == 2
    for key, row in once.items():
        assert row.asDict() | {"shop": "other"} == again[key].asDict()
    assert again["2020-02-01", "a"]["ratings"] == 5
