"""A language's lexicon, tied to the evidence that its phrases can be about."""

from __future__ import annotations

from functools import cache
from typing import Any

from libs.explain.declaration import DURATION_ROLES
from libs.explain.evidence_types import EVIDENCE_TYPES
from libs.languages.lexicon import ANCHORED, PRICES, Item, Lexicon
from libs.languages.lexicon import UNITS as UNIT_NAMES
from libs.languages.pack import pack


def counted_by(noun: str) -> tuple[str, ...]:
    """Types with a number that the noun counts."""
    return tuple(t for t, spec in EVIDENCE_TYPES.items() if any(noun in slot.nouns() for slot in spec.slots.values()))


def with_number(role: str) -> tuple[str, ...]:
    """Types with a number of the role."""
    return tuple(type for type, spec in EVIDENCE_TYPES.items() if role in spec.numbers)


# In place of a type a phrase may name a group.
GROUPS: dict[str, tuple[str, ...]] = {
    ANCHORED: tuple(type for type, spec in EVIDENCE_TYPES.items() if "anchor" in spec.slots),
    PRICES: counted_by("money"),
}
# What a counted noun can be about.
UNITS: dict[str, tuple[str, ...]] = {noun: counted_by(noun) for noun in UNIT_NAMES}
# What a cue says of its own: "your usual" is a claim, "from" is none.
CUES: dict[str, tuple[str, ...]] = {role: with_number(role) for role in (*DURATION_ROLES, "rank", "usual")}


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
        ValueError: a phrase names no evidence type that exists, or no phrase claims a type or variant: the check would
            refuse every sentence about it. A noun that several types share claims none of them.
    """
    claims = {
        f"{type}:{variant}" if variant else type for type, spec in EVIDENCE_TYPES.items() for variant in spec.variants
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
