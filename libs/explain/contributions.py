"""Which facts to cite, and how much of the score the cited ones explain."""

from __future__ import annotations

import math
from collections.abc import Iterable

from libs.explain.evidence_types import EVIDENCE_TYPES, Fact, unsayable
from libs.explain.names import clean_name

_NAMES = {type: spec.names for type, spec in EVIDENCE_TYPES.items()}


def faithfulness(facts: Iterable[Fact], score: float) -> float:
    """Share of the fused score that the cited reasons explain, in [0, 1].

    The sum of the positive contributions of the facts with role "reason", divided by the score. A contribution
    is the fall of the score when its source or history items are taken away (occlusion), one at a time; falls may
    overlap, so the sum can exceed the score and the share is clipped. Information explains nothing. A score that is
    not positive and finite has no share to explain: 0.
    """
    if not (math.isfinite(score) and score > 0):
        return 0.0
    total = math.fsum(fact.contribution for fact in facts if fact.role == "reason" and fact.contribution > 0)
    return min(1.0, total / score)


def citation_order(fact: Fact) -> tuple[bool, float, int, str]:
    """Sort key: reasons before information, the stronger first; ties by support, then by id."""
    return (fact.role != "reason", -fact.contribution, -fact.support, fact.evidence_id)


def select_facts(facts: Iterable[Fact], max_facts: int, min_people: int) -> list[Fact]:
    """The facts to cite, strongest first; selecting from a selection changes nothing.

    Facts that may not be said (too few people, ...) are left out, and so is a fact that repeats a name (the
    same anchor, brand or category) or the family of one already taken. Types are kept apart: a second fact of a type
    is taken only where it is a reason and places are left. A fact called a reason without a positive contribution is
    no reason and is passed on as information. One reason at least is taken if there is any.
    """
    honest = (
        fact if fact.role != "reason" or fact.contribution > 0 else fact._replace(role="information") for fact in facts
    )
    pool = sorted((fact for fact in honest if unsayable(fact, min_people) is None), key=citation_order)
    taken: list[Fact] = []
    families: set[str] = set()
    names: set[str] = set()
    for again in (False, True):
        for fact in pool:
            if len(taken) >= max_facts:
                break
            spec = EVIDENCE_TYPES[fact.type]
            family = spec.family or fact.type
            # Items without a title share the name "": a sentence speaks of one of them at most.
            fact_names = {
                clean_name(fact.slots.get(name, "")) for name in _NAMES[fact.type] if name in ("anchor", *fact.slots)
            }
            repeats = family in families and (not again or fact.role != "reason" or spec.family is not None)
            if repeats or fact_names & names or any(fact is other for other in taken):
                continue
            taken.append(fact)
            families.add(family)
            names |= fact_names
    return sorted(taken, key=citation_order)
