from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from jobs.products.product_text import words
from tests.builders import event

CATALOGUE = {
    "sources": {
        "catalogue": {
            "kind": "products",
            "path": "products.csv",
            "format": "csv",
            "columns": {"product_id": "id", "title": "title", "price": "price"},
        },
        "orders": {
            "kind": "interactions",
            "path": "views.csv",
            "format": "csv",
            "columns": {"user_id": "u", "product_id": "p", "event_time": "at", "kind": "'view'"},
        },
    }
}


def product(product_id: str, day: str = "1970-01-01", **other: object) -> dict[str, object]:
    row = {"product_id": product_id, "day": date.fromisoformat(day), "event_day": date.fromisoformat(day)}
    return row | {"row_id": f"{product_id}-{day}-{other}"} | other


def texts(warehouse, *cutoffs):
    warehouse.run("products.product_text", cutoffs=cutoffs or ("2020-02-01",))
    rows = warehouse.own("features.product_text")
    return {(str(row["cutoff"]), row["product_id"]): row for row in rows}


def test_words_are_cleaned_and_every_level_of_the_path_is_named():
    found = words("1", "<b>RED CANDLE</b> HOLDER", "Burns &amp; glows. ", "Lumi", "Home > <i>Light</i>", [], "en", 300)
    assert found["title"] == "Red Candle Holder"
    assert found["description"] == "Burns & glows."
    assert found["categories"] == ["Home", "Home > Light"]
    assert found["category"] == "Home > Light"
    assert found["text"] == "Red Candle Holder. Lumi. Home, Light. Burns & glows."


def test_a_product_without_words_has_its_id_as_title_and_nothing_to_embed():
    found = words("85123A", None, None, None, None, None, "en", 300)
    assert (found["title"], found["text"], found["language"]) == ("85123A", "", None)


def test_only_the_beginning_of_a_description_is_embedded():
    assert words("1", "Cup", "abcdef", None, None, None, "en", 3)["text"] == "Cup. abc"


def test_the_title_told_most_often_wins_and_of_equals_the_newest(make_warehouse):
    warehouse = make_warehouse(**CATALOGUE)
    told = [("a", 1, "Lamp"), ("a", 2, "Lamp"), ("a", 3, "wet"), ("b", 1, "Old"), ("b", 2, "New")]
    warehouse.seed("silver.products", [product(p, f"2020-01-0{day}", title=title) for p, day, title in told])
    found = texts(warehouse)
    assert [found["2020-02-01", p]["title"] for p in "ab"] == ["Lamp", "New"]


def test_a_renamed_product_takes_its_newest_title_where_the_shop_asks_for_it(make_warehouse):
    warehouse = make_warehouse(**CATALOGUE)
    warehouse.params["products.product_text"] = {"titles": "newest"}
    told = [(1, "Lamp"), (2, "Lamp"), (3, "Light")]
    warehouse.seed("silver.products", [product("a", f"2020-01-0{day}", title=title) for day, title in told])
    assert texts(warehouse)["2020-02-01", "a"]["title"] == "Light"


def test_each_cutoff_sees_the_state_that_was_known_before_it(make_warehouse):
    warehouse = make_warehouse(**CATALOGUE)
    warehouse.seed(
        "silver.products",
        [
            product("a", title="Lamp", price=Decimal("5"), attributes={"colour": "red"}),
            product("a", "2020-01-10", price=Decimal("4"), brand="Lumi"),
            product("b", "2020-01-10", title="Later"),
        ],
    )
    found = texts(warehouse, "2020-01-10", "2020-01-11")
    assert set(found) == {("2020-01-10", "a"), ("2020-01-11", "a"), ("2020-01-11", "b")}
    early, late = found["2020-01-10", "a"], found["2020-01-11", "a"]
    assert (early["title"], early["price"], early["brand"]) == ("Lamp", Decimal("5"), None)
    # The newer row tells no title and no attributes: the older ones hold.
    assert (late["title"], late["price"], late["brand"], late["attributes"]) == ("Lamp", 4, "Lumi", {"colour": "red"})


def test_a_product_known_by_events_alone_has_a_row_and_the_price_it_sold_at(warehouse):
    rows = [
        event("u", "a", "2020-01-03", quantity=2, amount=Decimal("7.00"), row_id="1"),
        event("v", "a", "2020-01-03", quantity=1, amount=Decimal("3.50"), row_id="2"),
        event("w", "a", "2020-01-03", quantity=1, amount=Decimal("2.00"), row_id="3"),
    ]
    warehouse.seed_events(rows)
    row = texts(warehouse)["2020-02-01", "a"]
    assert (row["title"], row["price"]) == ("a", Decimal("3.5000"))  # 3.50 twice, 2.00 once


@pytest.mark.parametrize("turn", [1, -1])
def test_order_of_the_rows_does_not_show(make_warehouse, turn):
    warehouse = make_warehouse(**CATALOGUE)
    rows = [product("a", "2020-01-03", title=title, row_id=title) for title in ("x", "y", "z")][::turn]
    for row in rows:
        warehouse.seed("silver.products", [row])
    assert texts(warehouse)["2020-02-01", "a"]["title"] == "z"  # equal in count and time: the greatest row id
