from __future__ import annotations

from datetime import date
from decimal import Decimal
from math import log1p

import pytest

from jobs.users.user_profile import VECTOR

CUTOFF = date(2020, 2, 1)


def rfm(name: str, **other: object) -> dict[str, object]:
    row = {"cutoff": CUTOFF, "user_id": name, "recency_days": 9, "frequency": 1, "events": 1, "products": 1}
    return row | {"tenure_days": 9, "ratings": 0} | other


def taste(name: str, dimension: str, value: str, share: float) -> dict[str, object]:
    row = {"cutoff": CUTOFF, "user_id": name, "dimension": dimension, "value": value, "share": share}
    return row | {"count": 1, "total": 2}


def profiles(warehouse):
    warehouse.run("users.user_profile", cutoffs=("2020-02-01",))
    return {row["user_id"]: row for row in warehouse.collect("features.user_profile")}


def test_all_that_is_known_comes_together(warehouse):
    warehouse.seed("features.user_rfm", [rfm("u", money=Decimal("3.5")), rfm("v")])
    warehouse.seed(
        "features.user_taste",
        [taste("u", "category", "A", 0.3), taste("u", "category", "B", 0.6), taste("u", "brand", "x", 1.0)],
    )
    warehouse.seed("features.user_segment", [{"cutoff": CUTOFF, "user_id": "u", "segment": 2, "segment_name": "n"}])
    days = {day: date(2020, 1, day) for day in (1, 2)} | {32: CUTOFF}
    told = [(1, "en"), (2, "zh"), (32, "fr")]  # the last is not known yet
    warehouse.seed(
        "silver.users",
        [{"user_id": "u", "day": days[d], "event_day": days[d], "language": x, "row_id": x} for d, x in told],
    )
    found = profiles(warehouse)
    u, v = found["u"], found["v"]
    assert [(t["value"], t["share"], t["count"], t["total"]) for t in u["tastes"]["category"]] == [
        ("B", 0.6, 1, 2),
        ("A", 0.3, 1, 2),
    ]
    assert [t["value"] for t in u["tastes"]["brand"]] == ["x"]
    assert (u["segment"], u["segment_name"], u["language"], u["money"]) == (2, "n", "zh", Decimal("3.5"))
    assert (v["tastes"], v["segment"], v["language"]) == ({}, None, None)


def test_the_vector_is_on_fixed_scales_and_what_is_not_known_is_0(warehouse):
    warehouse.seed(
        "features.user_rfm",
        [rfm("u", recency_days=9999, rating_mean=4.0, ratings=1, rating_deviation=0.5, rhythm_days=7.0), rfm("v")],
    )
    found = profiles(warehouse)
    u, v = (dict(zip([s.name for s in VECTOR], found[name]["vector"], strict=True)) for name in "uv")
    assert u["recency_days"] == 1.0  # beyond the scale
    assert v["recency_days"] == pytest.approx(log1p(9) / log1p(3650), abs=1e-6)
    assert (u["rating_mean"], u["rating_deviation"]) == (0.75, 0.625)  # (4 - 1) / 4, (0.5 + 2) / 4
    assert (u["has_rhythm"], u["has_ratings"], v["has_rhythm"], v["has_ratings"]) == (1, 1, 0, 0)
    assert (v["rating_mean"], v["rating_deviation"], v["money"]) == (0, 0, 0)
    assert all(0 <= x <= 1 for x in [*u.values(), *v.values()])
