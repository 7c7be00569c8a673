"""Which facts are cited, and the share of the score that they explain."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.explain.contributions import faithfulness
from libs.explain.evidence_types import unsayable
from tests.libs.explain.facts import SLOTS, example, fact, select_facts

NEXT = example("bought_next", "review", contribution=0.5)
TOGETHER = example("bought_together", "purchase", contribution=0.3)
NOTE = example("rating_praise", role="information", contribution=0.0)


def test_faithfulness_is_the_cited_reasons_share_of_the_score():
    # (0.5 + 0.3) / 2 = 0.4; information explains nothing, whatever it carries.
    assert faithfulness([NEXT, TOGETHER, NOTE._replace(contribution=9.0)], 2.0) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("score", "share"),
    [(0.5, 1.0), (0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0)],
)
def test_faithfulness_is_clipped_and_zero_without_a_score(score, share):
    assert faithfulness([NEXT, TOGETHER], score) == share


def test_the_same_anchor_is_cited_once():
    same = example("bought_together", "purchase", anchor="Pet Sounds", contribution=0.4)
    alike = example("similar_product", "brand", anchor="Pet Sounds", contribution=0.3)
    assert select_facts([same, alike, NEXT]) == [NEXT]


def test_one_price_is_enough():
    facts = [example("price_drop", "yen", contribution=0.2), example("price_below_usual", contribution=0.1)]
    assert [f.type for f in select_facts(facts)] == ["price_drop"]


def test_another_type_goes_before_a_stronger_fact_of_the_same_type():
    second = example("bought_next", "review", anchor="Cars", contribution=0.4)
    friends = example("friends", contribution=0.1)
    assert select_facts([NEXT, second, friends], max_facts=2) == [NEXT, friends]
    assert select_facts([NEXT, second, friends]) == [NEXT, second, friends]


def test_information_is_not_repeated_by_type():
    other = example("rating_praise", role="information", contribution=0.0, mean="4.1")
    assert len(select_facts([NEXT, NOTE, other])) == 2


def test_a_reason_that_moved_nothing_is_information():
    idle = NEXT._replace(contribution=0.0)
    assert [f.role for f in select_facts([idle])] == ["information"]


def test_the_only_reason_is_kept_over_any_information():
    notes = [
        example(type, label, "information", contribution=0.0)
        for type, label in [("friends", ""), ("trend", "week"), ("segment", ""), ("rating_praise", "")]
    ]
    weak = example("own_history", "review", contribution=1e-9)
    assert select_facts([*notes, weak])[0] == weak


def test_ties_are_broken_by_support_then_id():
    a, b = example("friends", contribution=0.2), example("segment", contribution=0.2)
    first, second = sorted([a, b], key=lambda f: f.evidence_id)
    assert select_facts([second, first]) == [first, second]
    more = second._replace(support=99)
    assert select_facts([more, first]) == [more, first]


@st.composite
def facts(draw):
    keys = draw(st.lists(st.sampled_from(sorted(SLOTS)), max_size=8))
    return [
        fact(key[0], SLOTS[key], draw(st.sampled_from(["reason", "information"])), draw(st.sampled_from([0.1, 0.5])))
        for key in keys
    ]


@settings(deadline=None)
@given(facts(), st.integers(1, 4), st.sampled_from([1, 5, 10, 50]), st.randoms())
def test_selection_is_stable_bounded_and_sayable(pool, most, k, random):
    chosen = select_facts(pool, most, k)
    assert len(chosen) <= most
    assert all(unsayable(f, k) is None for f in chosen)
    assert select_facts(chosen, most, k) == chosen
    random.shuffle(pool)
    assert select_facts(pool, most, k) == chosen
    sayable = [f for f in pool if unsayable(f, k) is None]
    assert bool(chosen) == bool(sayable)
    assert any(f.role == "reason" for f in chosen) == any(f.role == "reason" for f in sayable)
