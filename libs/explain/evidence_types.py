"""The kinds of fact that a sentence may cite: each is declared here, once.

Gathering, wording, choice, the check and erasure read the declaration. What a new type needs beside it (a gathering
function, wordings and phrases in each language, an example in the tests) is named by an error where it is missing.

Slots travel as `map<string,string>`. Numbers are plain decimals ("12", "4.6", "9.49"), without sign or separator.
`action` says what the shop knows people to have done; where it is absent the sentences say "chose".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from libs.explain.declaration import EvidenceType, Slot, at_most, below, mostly, omissions, within
from libs.explain.names import clean_name

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


_ACTION = Slot("enum", "what was done with the products", optional=True, choices=ACTIONS)
_ANCHOR = Slot("name", "title of a product in the user's own history; absent where it has none", optional=True)
_DAYS = Slot("count", "length of the period in days", role="window")
_PRICE = Slot("money", "price now", role="price")
_CURRENCY = Slot("currency", "ISO 4217 code")
_PROFILE = "features.product_profile"


def _pair(meaning: str) -> EvidenceType:
    return EvidenceType(
        meaning,
        {"anchor": _ANCHOR, "support": Slot("count", "people who did", role="people"), "action": _ACTION},
        states=("act", "people", "name"),
        subject="pair",
        gathered_by="anchored",
        tables=("features.item_pairs", "features.user_history", _PROFILE),
        keys=("kind", "anchor", "product_id"),
        people="support",
    )


def _taste(meaning: str, value: Slot, states: tuple[str, ...], variant: str | None = None) -> EvidenceType:
    return EvidenceType(
        meaning,
        {
            "value": value,
            "count": Slot("count", "how many of the user's products are of this kind", role="part", of="items"),
            "total": Slot("count", "how many products the user has in all", role="whole", of="items"),
            "action": _ACTION,
        },
        states=states,
        subject="user",
        gathered_by="tastes",
        tables=("features.user_taste", "features.user_rfm", _PROFILE),
        keys=("user_id", "dimension", "value"),
        variant=variant,
        flaw=within("count", "total"),
    )


EVIDENCE_TYPES: dict[str, EvidenceType] = {
    "bought_next": _pair("people who took the anchor took this product in one of their next 20 steps"),
    "bought_together": _pair("people took the anchor and this product in one step"),
    "similar_product": EvidenceType(
        "the anchor and this product have something in common",
        {
            "anchor": _ANCHOR,
            "dimension": Slot("enum", "what is alike", choices=("brand", "category", "text")),
            "shared": Slot("name", "the shared brand or category", unless=("dimension", "text")),
            "action": _ACTION,
        },
        states=("anchor", "likeness"),
        subject="pair",
        gathered_by="anchored",
        tables=(_PROFILE, "features.user_history"),
        keys=("product_id", "anchor"),
        variant="dimension",
    ),
    "own_history": EvidenceType(
        "a model's score rests mainly on this product of the user's own history",
        {"anchor": _ANCHOR, "action": _ACTION},
        states=("name",),
        subject="user",
        gathered_by="anchored",
        tables=("features.user_history", _PROFILE),
        keys=("user_id", "product_id"),
    ),
    "taste_brand": _taste(
        "this product is of a brand that the user favours", Slot("name", "the brand"), ("act", "share", "name")
    ),
    "taste_category": _taste(
        "this product is of a category that the user favours", Slot("name", "the category"), ("act", "share", "name")
    ),
    "taste_price_band": _taste(
        "this product is in the price band that the user favours",
        Slot("enum", "the band, relative to the shop's prices", choices=("low", "middle", "high")),
        ("act", "share"),
        variant="value",
    ),
    "own_rhythm": EvidenceType(
        "the user has this product already and comes back for it",
        {
            "count": Slot(
                "count", "times the user did so; absent where older ones are forgotten", role="times", optional=True
            ),
            "every_days": Slot("count", "median gap in days; absent for a single time", role="every", optional=True),
            "since_days": Slot("count", "whole days since the last time, at least 1", role="since"),
            "action": _ACTION,
        },
        states=("act", "number"),
        subject="user",
        gathered_by="own_rhythm",
        tables=("features.user_ledger",),
        keys=("user_id", "product_id"),
    ),
    "rating_praise": EvidenceType(
        "the mean rating of this product",
        {
            "mean": Slot("decimal", "mean rating on a scale to 5, one decimal", role="mean"),
            "count": Slot("count", "reviews", role="reviews"),
        },
        states=("mean", "reviews"),
        subject="product",
        gathered_by="praise",
        tables=(_PROFILE,),
        keys=("product_id",),
        people="count",
        flaw=at_most("mean", 5),
    ),
    "aspect_praise": EvidenceType(
        "reviews that speak of an aspect of this product mostly praise it",
        {
            "aspect": Slot("name", "the aspect, in the sentence's language"),
            "praising": Slot("count", "reviews that praise it", role="part", of="reviews"),
            "mentioning": Slot("count", "reviews that mention it", role="whole", of="reviews"),
        },
        states=("share", "name"),
        subject="product",
        gathered_by="praise",
        tables=(_PROFILE,),
        keys=("product_id", "aspect"),
        people="praising",
        flaw=mostly("praising", "mentioning"),
    ),
    "friends": EvidenceType(
        "friends of the user took this product",
        {"count": Slot("count", "friends who did", role="friends"), "action": _ACTION},
        states=("act", "friends"),
        subject="user",
        gathered_by="groups",
        tables=("silver.social_edges", "features.user_history"),
        keys=("user_id", "product_id"),
        people="count",
        counts_reader=False,
    ),
    "trend": EvidenceType(
        "people took this product in the last period",
        {"count": Slot("count", "people who did", role="people"), "days": _DAYS, "action": _ACTION},
        states=("act", "people", "window"),
        subject="product",
        gathered_by="popularity",
        tables=(_PROFILE,),
        keys=("product_id",),
        people="count",
        family="demand",
    ),
    "rank_in_category": EvidenceType(
        "this product's rank in its category in the last period; `support` counts the people behind it",
        {
            "rank": Slot("count", "rank, from 1", role="rank"),
            "category": Slot("name", "the category"),
            "days": _DAYS,
        },
        states=("rank", "name"),
        subject="product",
        gathered_by="popularity",
        tables=(_PROFILE,),
        keys=("product_id",),
        people="support",
        family="demand",
    ),
    "price_below_usual": EvidenceType(
        "this product costs less than the user usually pays",
        {
            "price": _PRICE,
            "usual": Slot("money", "what the user usually pays in the product's category", role="usual"),
            "currency": _CURRENCY,
        },
        states=("price", "usual"),
        subject="user",
        gathered_by="prices",
        tables=("features.user_ledger", _PROFILE),
        keys=("user_id",),
        family="price",
        flaw=below("price", "usual"),
    ),
    "price_drop": EvidenceType(
        "this product costs less than before",
        {"price": _PRICE, "before": Slot("money", "price before", role="before"), "currency": _CURRENCY},
        states=("price", "before"),
        subject="product",
        gathered_by="prices",
        tables=(_PROFILE,),
        keys=("product_id",),
        family="price",
        flaw=below("price", "before"),
    ),
    "segment": EvidenceType(
        "people of the user's own segment took this product",
        {
            "segment": Slot("name", "the segment's name"),
            "count": Slot("count", "people who did", role="people"),
            "action": _ACTION,
        },
        states=("act", "people", "name"),
        subject="user",
        gathered_by="groups",
        tables=("features.user_segment", "features.user_history"),
        keys=("segment", "product_id"),
        people="count",
        counts_reader=False,
    ),
}

_NAMES = {type: spec.names for type, spec in EVIDENCE_TYPES.items()}
_KINDS = {
    "name": re.compile(r".+", re.DOTALL),
    "count": re.compile(r"[1-9][0-9]{0,11}"),
    "decimal": re.compile(r"[0-9]{1,12}(?:\.[0-9]+)?"),
    "money": re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2}0*)?"),
    "currency": re.compile(r"[A-Z]{3}"),
}

if _OMISSIONS := [f"{type}: {problem}" for type, spec in EVIDENCE_TYPES.items() for problem in omissions(spec)]:
    raise ValueError("; ".join(_OMISSIONS))


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
            if not slot.optional and (slot.unless is None or slots.get(slot.unless[0]) != slot.unless[1]):
                return f"{type}: slot {name!r} is missing"
        elif slot.choices:
            if value not in slot.choices:
                return f"{type}: slot {name!r} is {value!r}, not one of {', '.join(slot.choices)}"
        elif not _KINDS[slot.kind].fullmatch(value):
            return f"{type}: slot {name!r} is {value!r}, not a {slot.kind}"
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


def unsayable(fact: Fact, min_people: int) -> str | None:
    """Why a well-formed fact may not be said, or None: too few people, an empty name, numbers that make no sense."""
    people = people_behind(fact)
    if people is not None and people < min_people:
        return f"support {people} below min_people={min_people}"
    spec = EVIDENCE_TYPES[fact.type]
    for name in _NAMES[fact.type]:
        if name in fact.slots and not clean_name(fact.slots[name]):
            return f"{fact.type}: {name} cannot be shown"
    flaw = spec.flaw(fact.slots) if spec.flaw else None
    return f"{fact.type}: {flaw}" if flaw else None
