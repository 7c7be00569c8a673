"""Test rows: a valid default, plus the one thing that matters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal


def event(user: str | None, product: str, day: str, **other: object) -> dict[str, object]:
    """A row of silver.events: a purchase of one piece at noon, known at once."""
    at = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    row: dict[str, object] = {
        "day": date.fromisoformat(day),
        "event_day": date.fromisoformat(day),
        "event_time": at,
        "known_at": at,
        "user_id": user,
        "product_id": product,
        "kind": "purchase",
        "basket_id": f"{user}-{day}",
        "quantity": 1,
        "amount": Decimal("1.00"),
        "row_id": f"{user}-{product}-{day}",
    }
    return row | other
