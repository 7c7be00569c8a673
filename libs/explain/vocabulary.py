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
# Every claim that a sentence can make: a type, or "type:variant" where the wording depends on a slot.
CLAIMS = {
    f"{type}:{variant}" if variant else type: type
    for type, spec in EVIDENCE_TYPES.items()
    for variant in (spec.slots[spec.variant].choices if spec.variant else ("",))
}


@cache
def vocabulary(language: str) -> Lexicon:
    """The lexicon of a language, each phrase with the evidence that can support it.

    Raises:
        OperatorError: the language has no pack.
        ValueError: a phrase is about evidence that there is not, or no phrase claims a type or variant: the check would
            refuse every sentence about it.
    """
    lexicon = pack(language).lexicon
    claimed: set[str] = set()

    def tied(node: dict[str, Any]) -> dict[str, Any]:
        return {token: _with_evidence(child, claimed) if token == "" else tied(child) for token, child in node.items()}

    phrases = tied(lexicon.phrases)
    if missing := [claim for claim in CLAIMS if claim not in claimed]:
        raise ValueError(f"libs.languages.{language}: no phrase of the lexicon claims {', '.join(missing)}")
    return lexicon._replace(phrases=phrases)


def _with_evidence(item: Item, claimed: set[str]) -> Item:
    """The item with types and variants in place of groups, units and cues; adds what it claims by itself.

    A noun that counts several types claims none of them.
    """
    if item.kind == "unit":
        keys = UNITS[item.value[0]]
    else:
        keys = tuple(type for key in item.keys for type in GROUPS.get(key, (key,)))
        keys = keys or CUES.get(item.value, ()) if item.kind == "cue" else keys
    if unknown := set(keys) - CLAIMS.keys() - EVIDENCE_TYPES.keys():
        raise ValueError(f"phrase {item.text!r}: no evidence type {', '.join(sorted(unknown))}")
    if item.kind != "unit" or len(keys) == 1:
        claimed.update(keys)
    return item._replace(keys=keys)
