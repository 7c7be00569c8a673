"""Shops with too little of something, each as a delivery of orders and products."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.tiny_shop import NAME, PARAMS, ROOT

START, END = "2020-01-01", "2020-03-02"  # the window of the one night; END is a training day
_TESTED = date(2020, 2, 24)  # the back-test's last window starts here

Rows = list[dict[str, Any]]


def order(number: str, user: str | None, product: int, day: date, price: float | None) -> dict[str, Any]:
    return {"order_id": number, "user_id": user, "product_id": f"q{product:02d}", "event_time": f"{day}T10:00:00",
            "quantity": 1, "price": price}  # fmt: skip


def orders(users: int, each: int, products: int = 12, price: float | None = 5.0) -> Rows:
    """`each` orders of each user a week apart, the last one in the tested window; products by turns."""
    return [
        order(
            f"o{user}-{turn}",
            f"u{user}",
            (user + turn * (1 + user % 3)) % products,
            _TESTED + timedelta(days=user % 6 - 7 * (each - 1 - turn)),
            price,
        )
        for user in range(users)
        for turn in range(each)
    ]


def products(count: int = 12, **blank: Any) -> Rows:
    return [
        {"product_id": f"q{i:02d}", "known_at": "2020-01-01", "title": f"Thing {i}",
         "category": f"Top > Shelf {i % 3}", "price": 5.0 + i, **blank}
        for i in range(count)
    ]  # fmt: skip


def one_event() -> tuple[Rows, Rows]:
    """60 users with one event each, weeks before the night; lately only guests bought, and one product."""
    once = [order(f"o{i}", f"u{i}", i % 12, date(2020, 1, 6 + i % 20), 5.0) for i in range(60)]
    guests = [order(f"g{i}", None, 5, date(2020, 2, 20 + i), 5.0) for i in range(6)]
    return once + guests, products()


SHOPS: dict[str, Callable[[], tuple[Rows, Rows]]] = {
    "one_event": one_event,
    "no_titles": lambda: (orders(40, 3), products(title=None)),
    "no_prices": lambda: (orders(40, 3, price=None), products(price=None)),
    "one_category": lambda: (orders(40, 3), products(category="Top")),
    "three_users": lambda: (orders(3, 3), products()),
    "one_product": lambda: (orders(40, 1, products=1), products(1)),
    "guests": lambda: ([row | {"user_id": None} for row in orders(40, 3)], products()),
}


def write(folder: Path, name: str) -> Path:
    """Writes a shop's files and a conf that has it alone into a folder; gives the conf's root."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("shops"))
    for file, rows in zip(("orders", "products"), SHOPS[name](), strict=True):
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    same = {"format": "jsonl"}
    of_order = ("order_id", "user_id", "product_id", "event_time", "quantity", "price")
    of_product = ("product_id", "known_at", "title", "category", "price")
    shop = {
        "timezone": "UTC", "languages": ["en"], "currency": "EUR", "repurchasable": False,
        "evaluation": {"horizon_days": 7, "windows": 1},
        "params": PARAMS,
        "sources": {
            "orders": same | {"kind": "transactions", "path": str(folder / "orders.jsonl"),
                              "columns": {column: column for column in of_order}},
            "catalogue": same | {"kind": "products", "path": str(folder / "products.jsonl"),
                                 "columns": {column: column for column in of_product}},
        },
    }  # fmt: skip
    (folder / "conf" / "shops").mkdir()
    (folder / "conf" / "shops" / f"{NAME}.yaml").write_text(yaml.safe_dump(shop))
    return folder / "conf"
