"""Rows of an erased user that are delivered again come in empty, and are counted as excluded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from libs.errors import OperatorError
from libs.ingest.suppression import ERASED
from libs.privacy.keys import key_id, pseudonym
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import order, orders_source, write_orders

KEY = "1" * 64
ZOE = "zoe-4711"


def listed(shop: Warehouse, key: str = KEY) -> None:
    row = {"user_key": pseudonym(ZOE, key), "key_id": key_id(key), "erased_on": date(2020, 1, 1)}
    shop.seed("silver.suppressed_users", [row])


def delivered(make_warehouse, folder: Path, lines: list[str]) -> Warehouse:
    source = orders_source(write_orders(folder / "orders.csv", lines), exclude={"postage": "product_id = 'POST'"})
    shop: Warehouse = make_warehouse(sources={"orders": source}, max_quarantine_share=0.9)
    shop.secrets = {"pseudonym_key": "0" * 64, "suppression_key": KEY}
    return shop


def test_a_suppressed_users_rows_are_counted_and_say_nothing(make_warehouse, tmp_path) -> None:
    lines = [
        order(user_id=f" {ZOE} ", order_id="o1"),
        order(user_id=ZOE, order_id="o1"),  # would be a duplicate
        order(user_id=ZOE, product_id="POST"),  # would be postage
        order(user_id=ZOE, quantity="many"),  # would be quarantined
        f'o5,"{ZOE}",mug',  # cannot be read
        order(user_id="bob", order_id="o6"),
        order(user_id="bob", order_id="o7", quantity="many"),
        order(user_id=f"{ZOE}2", order_id="o8"),
        order(user_id="", order_id="o9"),
    ]
    shop = delivered(make_warehouse, tmp_path, lines)
    listed(shop)
    for job in ("ingest.bronze", "ingest.silver"):
        shop.run(job)
    # The row that cannot be read has no day of its own: it is of the timeless day.
    counts = shop.rows("quality.ingest_counts", "rows_in", "silver", "quarantined", "duplicates", "excluded")
    assert counts == [(1, 0, 0, 0, 1), (8, 3, 1, 0, 4)]
    gone = shop.read("bronze.transactions").where("excluded IS NOT NULL").collect()
    assert len({(row["day"], row["row_id"]) for row in gone}) == 5
    told = {name for row in gone for name, value in row.asDict().items() if value is not None}
    assert told == {"shop", "period", "day", "source", "row_id", "excluded"}
    assert {row["excluded"] for row in gone} == {ERASED}
    assert shop.read("silver.transactions").count() == 3


def test_a_list_made_with_another_key_stops_the_run(make_warehouse, tmp_path) -> None:
    shop = delivered(make_warehouse, tmp_path, [order()])
    listed(shop, "3" * 64)
    with pytest.raises(OperatorError, match="REASONREC_SUPPRESSION_KEY"):
        shop.run("ingest.bronze")
    shop.secrets = {"pseudonym_key": "0" * 64}
    with pytest.raises(OperatorError, match="REASONREC_SUPPRESSION_KEY is not set"):
        shop.run("ingest.bronze")
