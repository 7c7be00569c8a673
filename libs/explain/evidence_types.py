"""The kinds of fact that a sentence may cite: one table, read by the evidence job, the writers and the check.

Slots travel as `map<string,string>`. Numbers are plain decimals ("12", "4.6", "9.49"), without sign or separator.
`action` says what the shop knows people to have done; where it is absent the sentences say "chose".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from libs.explain.names import clean_name

K = 5  # a statement about other people needs at least so many of them
ACTIONS = ("purchase", "review", "play", "view", "choose")
NEUTRAL_ACTION = "choose"

Role = Literal["reason", "information"]


class Fact(NamedTuple):
    """A fact that may be cited for one (user, product).

    `support` counts the observations behind it. `contribution` is how far the fused score falls without it;
    only a fact whose contribution is positive may have the role "reason".
    """

    evidence_id: str
    type: str
    slots: Mapping[str, str]
    support: int
    contribution: float
    role: Role


class Slot(NamedTuple):
    """One slot of a type. `kind`: name (free text), count (whole number >= 1), decimal, money, currency or enum."""

    kind: str
    meaning: str
    optional: bool = False
    choices: tuple[str, ...] = ()


class EvidenceType(NamedTuple):
    """A kind of fact. `people` names the slot that counts other people ("support": the fact's own field).

    `variant` names the enum slot on which the wording depends.
    """

    meaning: str
    slots: dict[str, Slot]
    people: str | None = None
    variant: str | None = None


_ACTION = Slot("enum", "what was done with the products", optional=True, choices=ACTIONS)
_ANCHOR = Slot("name", "title of a product in the user's own history")
_COUNT_OWN = Slot("count", "how many of the user's products are of this kind")
_TOTAL_OWN = Slot("count", "how many products the user has in all")
_DAYS = Slot("count", "length of the period in days")
_CURRENCY = Slot("currency", "ISO 4217 code")


def _taste(meaning: str, value: Slot, variant: str | None = None) -> EvidenceType:
    slots = {"value": value, "count": _COUNT_OWN, "total": _TOTAL_OWN, "action": _ACTION}
    return EvidenceType(meaning, slots, variant=variant)


EVIDENCE_TYPES: dict[str, EvidenceType] = {
    "bought_next": EvidenceType(
        "people who took the anchor took this product in one of their next 20 steps",
        {"anchor": _ANCHOR, "support": Slot("count", "people who did"), "action": _ACTION},
        people="support",
    ),
    "bought_together": EvidenceType(
        "people took the anchor and this product in one step",
        {"anchor": _ANCHOR, "support": Slot("count", "people who did"), "action": _ACTION},
        people="support",
    ),
    "similar_product": EvidenceType(
        "the anchor and this product have something in common",
        {
            "anchor": _ANCHOR,
            "shared": Slot("name", "the shared brand or category; not needed for text", optional=True),
            "dimension": Slot("enum", "what is alike", choices=("brand", "category", "text")),
            "action": _ACTION,
        },
        variant="dimension",
    ),
    "own_history": EvidenceType(
        "a model's score rests mainly on this product of the user's own history",
        {"anchor": _ANCHOR, "action": _ACTION},
    ),
    "taste_brand": _taste("this product is of a brand that the user favours", Slot("name", "the brand")),
    "taste_category": _taste("this product is of a category that the user favours", Slot("name", "the category")),
    "taste_price_band": _taste(
        "this product is in the price band that the user favours",
        Slot("enum", "the band, relative to the shop's prices", choices=("low", "mid", "high")),
        variant="value",
    ),
    "own_rhythm": EvidenceType(
        "the user has this product already and comes back for it",
        {
            "count": Slot("count", "times the user did so"),
            "every_days": Slot("count", "median gap in days; absent for a single time", optional=True),
            "since_days": Slot("count", "whole days since the last time, at least 1"),
            "action": _ACTION,
        },
    ),
    "rating_praise": EvidenceType(
        "the mean rating of this product",
        {"mean": Slot("decimal", "mean rating on a scale to 5, one decimal"), "count": Slot("count", "reviews")},
        people="count",
    ),
    "aspect_praise": EvidenceType(
        "reviews that speak of an aspect of this product mostly praise it",
        {
            "aspect": Slot("name", "the aspect, in the sentence's language"),
            "praising": Slot("count", "reviews that praise it"),
            "mentioning": Slot("count", "reviews that mention it"),
        },
        people="praising",
    ),
    "friends": EvidenceType(
        "friends of the user took this product",
        {"count": Slot("count", "friends who did"), "action": _ACTION},
        people="count",
    ),
    "trend": EvidenceType(
        "people took this product in the last period",
        {"count": Slot("count", "people who did"), "days": _DAYS, "action": _ACTION},
        people="count",
    ),
    "rank_in_category": EvidenceType(
        "this product's rank in its category in the last period; `support` counts the people behind it",
        {"rank": Slot("count", "rank, from 1"), "category": Slot("name", "the category"), "days": _DAYS},
        people="support",
    ),
    "price_below_usual": EvidenceType(
        "this product costs less than the user usually pays",
        {
            "price": Slot("money", "price now"),
            "usual": Slot("money", "what the user usually pays"),
            "currency": _CURRENCY,
        },
    ),
    "price_drop": EvidenceType(
        "this product costs less than before",
        {"price": Slot("money", "price now"), "before": Slot("money", "price before"), "currency": _CURRENCY},
    ),
    "segment": EvidenceType(
        "people of the user's own segment took this product",
        {"segment": Slot("name", "the segment's name"), "count": Slot("count", "people who did"), "action": _ACTION},
        people="count",
    ),
}

_KINDS = {
    "name": re.compile(r".+", re.DOTALL),
    "count": re.compile(r"[1-9][0-9]{0,11}"),
    "decimal": re.compile(r"[0-9]{1,12}(?:\.[0-9]+)?"),
    "money": re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2}0*)?"),
    "currency": re.compile(r"[A-Z]{3}"),
}
# (smaller, larger): without this order the sentence would be untrue or absurd.
_ORDER = {
    "price_below_usual": ("price", "usual"),
    "price_drop": ("price", "before"),
    "aspect_praise": ("praising", "mentioning"),
}


def malformed(type: str, slots: Mapping[str, str]) -> str | None:
    """Why (type, slots) is not a fact of the table, or None. A malformed fact is a defect of whoever made it."""
    spec = EVIDENCE_TYPES.get(type)
    if spec is None:
        return f"unknown evidence type {type!r}"
    for name in slots:
        if name not in spec.slots:
            return f"{type}: unknown slot {name!r}"
    for name, slot in spec.slots.items():
        value = slots.get(name)
        if value is None:
            if not slot.optional:
                return f"{type}: slot {name!r} is missing"
        elif slot.choices:
            if value not in slot.choices:
                return f"{type}: slot {name!r} is {value!r}, not one of {', '.join(slot.choices)}"
        elif not _KINDS[slot.kind].fullmatch(value):
            return f"{type}: slot {name!r} is {value!r}, not a {slot.kind}"
    if type == "similar_product" and slots["dimension"] != "text" and "shared" not in slots:
        return "similar_product: slot 'shared' is missing"
    return None


def check_fact(fact: Fact) -> Fact:
    """The fact itself.

    Raises:
        ValueError: it is malformed, or is called a reason without a positive contribution.
    """
    problem = malformed(fact.type, fact.slots)
    if problem is None and fact.role == "reason" and not fact.contribution > 0:
        problem = f"{fact.type}: a reason needs a positive contribution, not {fact.contribution}"
    if problem:
        raise ValueError(f"evidence {fact.evidence_id}: {problem}")
    return fact


def people_behind(fact: Fact) -> int | None:
    """How many other people the fact speaks of; None if it speaks of the user or the product alone."""
    slot = EVIDENCE_TYPES[fact.type].people
    return None if slot is None else int(fact.slots.get(slot, fact.support))


def unsayable(fact: Fact, k: int = K) -> str | None:
    """Why a well-formed fact may not be said, or None: fewer than k people, an empty name, an order that is absurd."""
    people = people_behind(fact)
    if people is not None and people < k:
        return f"support {people} below k={k}"
    slots = fact.slots
    for name, slot in EVIDENCE_TYPES[fact.type].slots.items():
        if slot.kind == "name" and name in slots and not clean_name(slots[name]):
            return f"{fact.type}: {name} cannot be shown"
    order = _ORDER.get(fact.type)
    if order:
        small, large = (float(slots[name]) for name in order)
        if fact.type == "aspect_praise":
            if not small <= large <= 2 * small:
                return f"aspect_praise: {slots['praising']} of {slots['mentioning']} is no praise"
        elif small >= large:
            return f"{fact.type}: {order[0]} is not below {order[1]}"
    elif "total" in slots and int(slots["count"]) > int(slots["total"]):
        return f"{fact.type}: count exceeds total"
    elif fact.type == "rating_praise" and float(slots["mean"]) > 5:
        return "rating_praise: mean above 5"
    return None
