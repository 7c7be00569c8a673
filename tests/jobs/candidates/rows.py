"""Rows of features.user_history, item_pairs and product_profile with only what a test says of them."""

from __future__ import annotations

from datetime import date

CUTOFF = date(2020, 2, 1)  # the end of the tests' window
COLUMNS = ("user_id", "rank", "product_id", "score", "normalized_score", "attributions")


def history(user: str, *steps: tuple[str, str], cutoff: date = CUTOFF) -> dict[str, object]:
    """`steps` are (day, products parted by spaces), oldest first."""
    events = [
        (number, date.fromisoformat(day), product, "purchase", 1, None, None, 1)
        for number, (day, products) in enumerate(steps, 1)
        for product in products.split()
    ]
    owned = sorted({event[2] for event in events})
    return {"cutoff": cutoff, "user_id": user, "events": events, "owned": owned, "disliked": []}


def with_sign(row: dict[str, object], product: str, sign: int, kind: str = "purchase") -> dict[str, object]:
    """The history with another sign, and kind, of the events with one product; disliked where it is -1."""
    events = [(*e[:3], kind, *e[4:7], sign) if e[2] == product else e for e in row["events"]]
    owned = [p for p in row["owned"] if p != product or (sign >= 0 and kind == "purchase")]
    return row | {"events": events, "owned": owned, "disliked": [product] if sign < 0 else []}


def pair(
    anchor: str, product: str, weight: float, kind: str = "transition", cutoff: date = CUTOFF
) -> dict[str, object]:
    return {
        "cutoff": cutoff, "kind": kind, "anchor": anchor, "product_id": product, "weight": weight,
        "support": 1, "people": 1, "lift": 1.0,
    }  # fmt: skip


def product(product: str, *categories: str, cutoff: date = CUTOFF) -> dict[str, object]:
    """A row of features.product_profile."""
    return {
        "cutoff": cutoff, "product_id": product, "categories": list(categories), "title": product,
        "buyers": 0, "buyers_recent": 0, "recent_days": 28, "ratings": 0, "aspects": [], "text_hash": "",
    }  # fmt: skip


def lists(warehouse, source: str, **context: object) -> list[tuple[object, ...]]:
    """Runs a source; its rows as tuples of `COLUMNS`, attributions as {product: share}."""
    warehouse.run(f"candidates.{source}", **context)
    rows = warehouse.rows(f"candidates.{source}", *COLUMNS)
    return [(*row[:5], {item["product_id"]: item["attribution_share"] for item in row[5]}) for row in rows]
