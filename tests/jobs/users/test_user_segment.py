from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import yaml

from jobs.users.user_segment import numbers
from libs.features.segments import MARKS, MARKS_OF_BUYERS, NOUNS, Segments, names, standardised, variance_ratio

ROOT = Path(__file__).resolve().parents[3]

CUTOFF = date(2020, 2, 1)


def user(name: str, recency: int, frequency: int, **other: object) -> dict[str, object]:
    row = {"cutoff": CUTOFF, "user_id": name, "recency_days": recency, "frequency": frequency, "events": frequency}
    return row | {"products": frequency, "tenure_days": recency, "ratings": 0} | other


def three_kinds() -> list[dict[str, object]]:
    """6 users of every week, 4 who were here once and long ago, 3 who come seldom and buy what is dear."""
    often = [user(f"often{n}", 3 + n % 2, 40 + n, usual_price=Decimal("5"), money=Decimal("9")) for n in range(6)]
    gone = [user(f"gone{n}", 900 + n, 1, usual_price=Decimal("5"), money=Decimal("9")) for n in range(4)]
    dear = [user(f"dear{n}", 60 + n, 3, usual_price=Decimal("900"), money=Decimal("9")) for n in range(3)]
    return often + gone + dear


def segments(warehouse):
    warehouse.run("users.user_segment", cutoffs=("2020-02-01",))
    rows = warehouse.own("features.user_segment")
    return {row["user_id"]: (row["segment"], row["segment_name"]) for row in rows}


def test_users_alike_share_a_segment_numbered_by_falling_size_and_named_by_what_marks_it(warehouse):
    warehouse.params["users.user_segment"] = {"most": 3}
    warehouse.seed("features.user_rfm", three_kinds())
    found = segments(warehouse)
    assert {found[f"often{n}"][0] for n in range(6)} == {1}
    assert {found[f"gone{n}"][0] for n in range(4)} == {2}
    assert {found[f"dear{n}"][0] for n in range(3)} == {3}
    assert found["often0"][1] == "frequent, recent buyers"
    assert found["gone0"][1] == "lapsed, occasional buyers"
    assert found["dear0"][1].startswith("premium")


def test_who_acquired_nothing_is_in_no_segment(warehouse):
    warehouse.seed("features.user_rfm", [*three_kinds(), user("reviewer", 3, 0)])
    assert len(segments(warehouse)) == 13


def test_order_and_partitions_of_the_input_do_not_show(warehouse, make_warehouse):
    rows = three_kinds()
    other = make_warehouse(name="other")
    warehouse.seed("features.user_rfm", rows)
    for part in (rows[9:], rows[4:9][::-1], rows[:4]):
        other.seed("features.user_rfm", part)
    assert segments(warehouse) == segments(other)


def test_users_beyond_the_sample_are_assigned_too(warehouse):
    warehouse.params["users.user_segment"] = {"sample_users": 9}
    warehouse.seed("features.user_rfm", three_kinds())
    assert len(segments(warehouse)) == 13


def test_one_product_is_no_specialty(warehouse):
    warehouse.seed("features.user_rfm", [user("one", 3, 1), user("three", 3, 3)])
    found = [("one", 1.0, 1), ("three", 0.6, 3), ("three", 0.4, 3)]
    taste = {"cutoff": CUTOFF, "dimension": "category", "count": 1}
    rows = [taste | {"user_id": u, "share": s, "total": n, "value": str(s)} for u, s, n in found]
    warehouse.seed("features.user_taste", rows)
    users = numbers(warehouse.read("features.user_rfm"), warehouse.read("features.user_taste"))
    assert {row["user_id"]: row["focus"] for row in users.collect()} == {"one": None, "three": 0.6}


def test_fewer_users_than_segments_and_none_at_all(warehouse, make_warehouse):
    warehouse.seed("features.user_rfm", [user("a", 3, 5), user("b", 3, 5)])
    assert segments(warehouse) == {"a": (1, "typical buyers"), "b": (1, "typical buyers")}
    assert segments(make_warehouse(name="empty")) == {}


def test_a_number_that_nobody_has_or_all_share_tells_nobody_apart():
    numbers = np.array([[1.0, np.nan, 7.0], [3.0, np.nan, 7.0]])
    assert standardised(numbers, np.array([2.0, 0.0, 7.0]), np.array([1.0, 0.0, 0.0])).tolist() == [
        [-1, 0, 0],
        [1, 0, 0],
    ]


def test_a_buyer_has_orders_and_a_reviewer_does_not():
    assert names(np.array([[1.0]]), ("basket",), "buyers") == ["large-order buyers"]
    assert names(np.array([[1.0]]), ("basket",), "reviewers") == ["many-at-a-time reviewers"]


def test_every_word_of_a_name_has_its_chinese():
    chinese = yaml.safe_load((ROOT / "conf" / "languages" / "zh" / "terms.yaml").read_text(encoding="utf-8"))
    words = {word for marks in (*MARKS.values(), *MARKS_OF_BUYERS.values()) for word in marks}
    assert words | set(NOUNS.values()) | {"typical"} <= set(chinese)


def test_the_variance_ratio_weighs_distance_between_clusters_against_their_width():
    # 0, 2, 10, 12: squared distances to the mean 6 sum to 36 + 16 + 16 + 36, those to the means 1 and 11 to 4.
    assert variance_ratio(total=104, within=4, n=4, k=2) == (100 / 1) / (4 / 2)
    assert variance_ratio(total=104, within=0, n=4, k=2) == float("inf")


def test_the_nearest_centre_is_by_distance_in_standard_deviations():
    fitted = Segments(np.array([10.0, 0.0]), np.array([5.0, 1.0]), np.array([[1.0, 0.0], [-1.0, 0.0]]), ("high", "low"))
    # 15 is +1, 5 is -1, not known is 0: equally far, the first.
    assert fitted.nearest(np.array([[15.0, 0.0], [5.0, 0.0], [np.nan, 0.0]])).tolist() == [0, 1, 0]


def test_names_differ_even_where_the_marks_are_the_same():
    features = ("recency", "frequency")
    centres = np.array([[1.0, 0.6], [0.9, 0.8], [0.1, -0.2], [-0.9, 0.2], [0.9, 0.8]])
    assert names(centres, features, "buyers") == [
        "lapsed, frequent buyers",
        "lapsed, frequent buyers (2)",
        "typical buyers",
        "recent buyers",
        "lapsed, frequent buyers (3)",
    ]
