"""`reasonrec shop check`: every mistake of a mapping at once, and what a good one holds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import Row

from jobs.cli.shop_check import _cut, check_shop, has_files
from jobs.cli.shop_report import report_lines
from libs.tables import CONTRACT
from tests.conftest import ROOT

ORDERS = {
    "kind": "transactions",
    "path": "orders.csv",
    "format": "csv",
    "delimiter": ";",
    "columns": {
        "order_id": "order_no",
        "user_id": "customer",
        "product_id": "sku",
        "event_time": "to_timestamp(day, 'd/M/yyyy')",
        "quantity": "pieces",
        "price": "replace(price, ',', '.')",
    },
}
CATALOGUE = {
    "kind": "products",
    "path": "products.csv",
    "format": "csv",
    "columns": {"product_id": "sku", "title": "name", "category": "'gifts'"},
}


@pytest.fixture
def shop(tmp_path: Path):
    """Writes a shop of 40 order lines (four days, ten users, guests each fourth) and eight products; gives its conf."""
    rows = [
        f"{n};{'' if n % 4 == 0 else f'customer{n % 10}'};mug-{n % 8};{n % 4 + 12}/03/2021;1;9,50" for n in range(40)
    ]
    (tmp_path / "orders.csv").write_text("\n".join(["order_no;customer;sku;day;pieces;price", *rows]))
    (tmp_path / "products.csv").write_text("\n".join(["sku,name", *(f"mug-{n},Mug {n}" for n in range(8))]))
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("shops"))
    (tmp_path / "conf" / "shops").mkdir()

    def write(keys: dict[str, Any] | None = None, **sources: Any) -> Path:
        given = {**(keys or {}), "sources": {"orders": ORDERS, "catalogue": CATALOGUE} | sources}
        (tmp_path / "conf" / "shops" / "corner.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
        return tmp_path / "conf"

    return write


def test_a_good_mapping_has_nothing_to_fix_and_tells_what_it_holds(spark, shop) -> None:
    report = check_shop(lambda: spark, shop(), "corner")
    assert report.mistakes == []
    orders, catalogue = report.sources
    expected = {"rows": 40, "quarantined": 0, "duplicates": 0, "excluded": 0, "users": 10, "products": 8, "days": 4}
    assert orders.counts == expected
    assert [str(orders.first_day), str(orders.last_day)] == ["2021-03-12", "2021-03-15"]
    assert catalogue.counts["products"] == 8
    assert len(orders.rows) == 5
    assert {row["user_id"] for row in orders.rows} <= {"", "cus…"}
    assert orders.rows[1]["price"] == "9.50"
    assert any("columns.category: is 'gifts' in every row" in told for told in report.warnings)
    assert any("orders: columns.price: is '9.5000' in every row" in told for told in report.warnings)
    lines = list(report_lines(report))
    assert lines[0] == "orders: transactions, 40 rows: 10 users, 8 products, 4 days, 2021-03-12 to 2021-03-15"
    assert lines[-1] == "ok   conf/shops/corner.yaml: nothing to fix"


def test_every_mistake_of_a_mapping_is_told_at_once_with_key_and_fix(spark, shop) -> None:
    columns = ORDERS["columns"] | {"event_time": "day", "price": "price", "user_id": "custmer", "quantity": "pieces +"}
    conf = shop(
        {"currencie": "EUR"},
        orders=ORDERS | {"columns": columns, "where": "price", "exclude": {"postage": "skuu = 'POST'"}},
        catalogue=CATALOGUE | {"path": "gone.csv"},
        reviews=CATALOGUE | {"kind": "reviews", "columns": {"product_id": "sku", "raiting": "name"}},
    )
    report = check_shop(lambda: spark, conf, "corner")
    told = "\n".join(report.mistakes)
    for part in (
        "orders.columns.user_id: ",
        "has no column custmer; it has order_no, customer, sku, day, pieces, price",
        "orders.columns.quantity: not a valid SQL expression",
        "orders.where: is string, a condition is needed",
        "orders.exclude.postage: ",
        "orders.columns.event_time: event_time is not a time in 100.0% of the rows, for example '1",
        "write to_timestamp(day, 'd/M/yyyy') in columns.event_time",
        "orders.columns.price: price is not a number in 100.0% of the rows, for example '9,50'; write replace(price, ',', '.')",
        "orders: 100.0% of the rows would be quarantined, more than max_quarantine_share 1.0%",
        "catalogue.path: no file at file://",
    ):
        assert part in told, part
    faults = [text for text in report.mistakes if "currencie: unknown key" in text or "raiting" in text]
    assert len(faults) == 2


def test_guests_alone_ids_of_floats_and_a_foreign_catalogue_are_warnings(spark, shop, tmp_path: Path) -> None:
    conf = shop(
        orders=ORDERS | {"columns": {c: sql for c, sql in ORDERS["columns"].items() if c != "user_id"} | {"order_id": "concat(order_no, '.0')"}},
        catalogue=CATALOGUE | {"columns": {"product_id": "upper(sku)"}},
    )  # fmt: skip
    report = check_shop(lambda: spark, conf, "corner")
    assert report.mistakes == []
    told = "\n".join(report.warnings)
    for part in ("all rows are guests'", "no source of products maps a title", "the catalogue has 0% of the products"):
        assert part in told, part
    assert has_files(conf, "corner")
    (tmp_path / "orders.csv").unlink()
    (tmp_path / "products.csv").unlink()
    assert not has_files(conf, "corner")


def test_no_id_of_a_user_is_shown_in_full_nor_one_made_of_it() -> None:
    kind, known = CONTRACT["transactions"], ["order_id", "user_id", "price"]
    row = Row(order_id="12345-2021-03-04", user_id="12345", price="12.345")
    assert _cut(row, kind, known) == {"order_id": "12…-2021-03-04", "user_id": "12…", "price": "12.345"}
    row = Row(order_id="47-2021-03-04", user_id="47", price="47")
    assert _cut(row, kind, known) == {"order_id": "4…-2021-03-04", "user_id": "4…", "price": "47"}
    assert _cut(Row(order_id="1", user_id=None, price="9"), kind, known)["user_id"] == ""
