"""The table of evidence: what is malformed, and what may not be said."""

import pytest

from libs.explain.evidence_types import (
    EVIDENCE_TYPES,
    Fact,
    check_fact,
    malformed,
    people_behind,
    unsayable,
)
from tests.libs.explain.facts import SLOTS, example


def test_every_type_of_the_table_has_a_valid_example():
    assert {type for type, _ in SLOTS} == set(EVIDENCE_TYPES)
    for (type, _), slots in SLOTS.items():
        assert malformed(type, slots) is None


@pytest.mark.parametrize(
    ("type", "slots", "problem"),
    [
        ("weather", {}, "unknown evidence type 'weather'"),
        ("friends", {"count": "6", "anchor": "x"}, "friends: unknown slot 'anchor'"),
        ("friends", {}, "friends: slot 'count' is missing"),
        ("friends", {"count": "0"}, "friends: slot 'count' is '0', not a count"),
        ("friends", {"count": "6.0"}, "friends: slot 'count' is '6.0', not a count"),
        ("friends", {"count": "٦"}, "friends: slot 'count' is '٦', not a count"),
        ("friends", {"count": "6", "action": "steal"}, "friends: slot 'action' is 'steal', not one of purchase"),
        ("rating_praise", {"mean": "-1", "count": "6"}, "rating_praise: slot 'mean' is '-1', not a decimal"),
        ("price_drop", {"price": "1.239", "before": "2", "currency": "USD"}, "slot 'price' is '1.239', not a money"),
        ("price_drop", {"price": "1.2300", "before": "2", "currency": "$"}, "slot 'currency' is '$', not a currency"),
        ("own_history", {"anchor": ""}, "own_history: slot 'anchor' is '', not a name"),
        ("similar_product", {"anchor": "x", "dimension": "brand"}, "similar_product: slot 'shared' is missing"),
    ],
)
def test_what_is_malformed_is_named(type, slots, problem):
    assert problem in (malformed(type, slots) or "")
    with pytest.raises(ValueError, match="evidence e1: "):
        check_fact(Fact("e1", type, slots, 1, 1.0, "reason"))


def test_a_reason_needs_a_contribution():
    with pytest.raises(ValueError, match="positive contribution"):
        example("friends", contribution=0.0)
    assert example("friends", role="information", contribution=0.0).role == "information"


def test_who_is_behind_a_fact():
    assert people_behind(example("friends")) == 6
    assert people_behind(example("aspect_praise", "some")) == 14  # those who praise, not those who mention
    assert people_behind(example("rank_in_category")) == 40  # the fact's support
    assert people_behind(example("taste_brand", "some")) is None


@pytest.mark.parametrize(
    ("fact", "k", "problem"),
    [
        (example("friends", count="4"), 5, "support 4 below min_people=5"),
        (example("friends", count="4"), 4, None),
        (example("taste_brand", "some", count="1"), 5, None),
        (example("taste_brand", "some", count="9"), 5, "taste_brand: count exceeds total"),
        (example("own_history", "review", anchor="<b></b>"), 5, "own_history: anchor cannot be shown"),
        (example("price_below_usual", price="14.63"), 5, "price_below_usual: price is not below usual"),
        (example("price_drop", "yen", price="1199"), 5, None),
        (example("aspect_praise", "some", praising="8"), 5, "aspect_praise: 8 of 18 is no praise"),
        (example("aspect_praise", "some", praising="9"), 5, None),
        (example("aspect_praise", "some", praising="19"), 5, "aspect_praise: 19 of 18 is no praise"),
        (example("rating_praise", mean="5.1"), 5, "rating_praise: mean above 5"),
    ],
)
def test_what_may_not_be_said(fact, k, problem):
    assert unsayable(fact, k) == problem
