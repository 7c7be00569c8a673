"""A language's lexicon, tied to the evidence that its phrases can be about."""

from __future__ import annotations

from functools import cache
from typing import Any

from libs.explain.evidence_types import EVIDENCE_TYPES
from libs.languages.lexicon import ANCHORED, PRICES, Item, Lexicon
from libs.languages.pack import pack

_TASTES = ("taste_brand", "taste_category", "taste_price_band")
_PRICES = ("price_below_usual", "price_drop")
_PERIODS = ("own_rhythm", "trend", "rank_in_category")
GROUPS: dict[str, tuple[str, ...]] = {
    ANCHORED: ("bought_next", "bought_together", "similar_product", "own_history"),
    PRICES: _PRICES,
}
# What a counted noun can be about.
UNITS: dict[str, tuple[str, ...]] = {
    "people": ("bought_next", "bought_together", "trend", "segment"),
    "friends": ("friends",),
    "reviews": ("rating_praise", "aspect_praise"),
    "items": _TASTES,
    "times": ("own_rhythm",),
    "day": _PERIODS,
    "week": _PERIODS,
    "month": _PERIODS,
    "mean": ("rating_praise",),
    "rank": ("rank_in_category",),
    "money": _PRICES,
}
# What a cue says of its own: "your usual" is a claim, "from" is none.
CUES: dict[str, tuple[str, ...]] = {
    "every": ("own_rhythm",),
    "since": ("own_rhythm",),
    "window": ("trend", "rank_in_category"),
    "rank": ("rank_in_category",),
    "usual": ("price_below_usual",),
}


@cache
def vocabulary(language: str) -> Lexicon:
    """The lexicon of a language, each phrase with the evidence that can support it.

    Raises:
        OperatorError: the language has no pack.
        ValueError: see `tied`.
    """
    return tied(pack(language).lexicon)


def tied(lexicon: Lexicon) -> Lexicon:
    """The lexicon with types and variants of evidence in place of groups, units and cues.

    Raises:
        ValueError: a phrase is about evidence that there is not; or no phrase claims a type or variant, and the check
            would refuse every sentence about it. A noun that several types share claims none of them.
    """
    claims = {
        f"{type}:{variant}" if variant else type
        for type, spec in EVIDENCE_TYPES.items()
        for variant in (spec.slots[spec.variant].choices if spec.variant else ("",))
    }
    claimed: set[str] = set()

    def with_evidence(item: Item) -> Item:
        keys = _evidence_of(item)
        if unknown := set(keys) - claims - EVIDENCE_TYPES.keys():
            raise ValueError(f"phrase {item.text!r}: no evidence type {', '.join(sorted(unknown))}")
        if item.kind != "unit" or len(keys) == 1:
            claimed.update(keys)
        return item._replace(keys=keys)

    def walk(node: dict[str, Any]) -> dict[str, Any]:
        return {token: with_evidence(child) if token == "" else walk(child) for token, child in node.items()}

    phrases = walk(lexicon.phrases)
    if missing := sorted(claims - claimed):
        raise ValueError(f"no phrase claims the evidence types {', '.join(missing)}: add one to the lexicon")
    return lexicon._replace(phrases=phrases)


def _evidence_of(item: Item) -> tuple[str, ...]:
    """Types, or "type:variant", that can support an item."""
    if item.kind == "unit":
        return UNITS[item.value[0]]
    if item.kind == "cue" and not item.keys:
        return CUES.get(item.value, ())
    return tuple(type for key in item.keys for type in GROUPS.get(key, (key,)))
