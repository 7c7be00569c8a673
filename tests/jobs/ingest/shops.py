"""Source files of a tiny shop, written by a test."""

from __future__ import annotations

import json
from pathlib import Path

ORDER_COLUMNS = ["order_id", "user_id", "product_id", "event_time", "quantity", "price"]
REVIEW_COLUMNS = ["user_id", "product_id", "event_time", "rating", "title", "body"]
JOBS = ("ingest.bronze", "ingest.silver", "ingest.events")


def orders_source(path: Path | str, **other: object) -> dict[str, object]:
    columns = {name: name for name in ORDER_COLUMNS}
    return {"kind": "transactions", "path": str(path), "format": "csv", "columns": columns} | other


def reviews_source(path: Path | str, **other: object) -> dict[str, object]:
    columns = {name: name for name in REVIEW_COLUMNS}
    return {"kind": "reviews", "path": str(path), "format": "jsonl", "columns": columns} | other


def order(**other: object) -> str:
    """A CSV line of a good order."""
    row = {"order_id": "o1", "user_id": "ann", "product_id": "mug", "event_time": "2020-01-05 10:00:00", "quantity": 1,
           "price": "2.50"} | other  # fmt: skip
    return ",".join(str(row[name]) for name in ORDER_COLUMNS)


def review(**other: object) -> str:
    """A JSON line of a good review."""
    row = {"user_id": "ann", "product_id": "mug", "event_time": "2020-01-05T10:00:00Z", "rating": 5, "title": "Good",
           "body": "A good mug."} | other  # fmt: skip
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)


def write_orders(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(ORDER_COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


def write_lines(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
