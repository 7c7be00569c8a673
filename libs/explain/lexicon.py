"""How the grounding check reads a language: its vocabulary is closed, and each phrase has one meaning.

What is in no phrase, no number and no quotation marks is a word for which there can be no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from libs.explain.declaration import DURATION_ROLES, NOUNS
from libs.explain.evidence_types import EVIDENCE_TYPES


def _counted_by(noun: str) -> tuple[str, ...]:
    return tuple(t for t, spec in EVIDENCE_TYPES.items() if any(noun in slot.nouns() for slot in spec.slots.values()))


def _with_number(role: str) -> tuple[str, ...]:
    return tuple(type for type, spec in EVIDENCE_TYPES.items() if role in spec.numbers)


# Keys of evidence: a type, or "type:variant".
ANCHORED = tuple(type for type, spec in EVIDENCE_TYPES.items() if "anchor" in spec.slots)
# What a counted noun can be about.
UNITS = {noun: _counted_by(noun) for noun in ("items", *dict.fromkeys(n for nouns in NOUNS.values() for n in nouns))}
PRICES = UNITS["money"]
# What a cue says of its own: "your usual" is a claim, "from" is none.
CUES: dict[str, tuple[str, ...]] = {
    **{role: _with_number(role) for role in (*DURATION_ROLES, "rank", "usual")},
    **dict.fromkeys(("than", "before", "price", "all"), ()),
}


class Item(NamedTuple):
    """One read phrase.

    kind: word (states nothing), end (of sentence), cut (between clauses), reason ("because"), claim, place (a claim
    that a brand or category follows), act, unit, number, name, cue (says what the next number is), currency, ratio
    ("of the"), banned, unknown. `value` depends on the kind; `keys`: the evidence keys that can support it.
    """

    kind: str
    text: str
    value: Any = None
    keys: tuple[str, ...] = ()


class Lexicon(NamedTuple):
    """A language's tokens and phrases. `phrases` is a trie of tokens; an item stands under the key ""."""

    token: re.Pattern[str]
    phrases: dict[str, Any]
    numerals: re.Pattern[str]


def lexicon(token: str, numerals: str, items: Iterable[tuple[str, Item]]) -> Lexicon:
    """A lexicon from (phrases separated by "|", their item).

    Raises:
        ValueError: a phrase has two meanings, or is about evidence that there is not; nothing claims an evidence type.
    """
    pattern = re.compile(token)
    trie: dict[str, Any] = {}
    listed = list(items)
    _refuse_gaps(listed)
    for phrases, item in listed:
        for phrase in phrases.split("|"):
            node = trie
            for part in pattern.findall(phrase):
                node = node.setdefault(part.lower(), {})
            if "" in node:
                raise ValueError(f"phrase {phrase!r} has two meanings")
            node[""] = item._replace(text=phrase)
    return Lexicon(pattern, trie, re.compile(numerals))


def _refuse_gaps(items: list[tuple[str, Item]]) -> None:
    """Raises ValueError for a type or variant that no phrase claims: the check would refuse each sentence about it.

    A noun that several types share claims none of them.
    """
    keys = {f"{type}:{variant}".rstrip(":"): type for type, spec in EVIDENCE_TYPES.items() for variant in spec.variants}
    for phrases, item in items:
        if unknown := set(item.keys) - keys.keys() - EVIDENCE_TYPES.keys():
            raise ValueError(f"phrases {phrases!r}: no evidence type {', '.join(sorted(unknown))}")
    claimed = {key for _, item in items if item.kind != "unit" or len(item.keys) == 1 for key in item.keys}
    if missing := [key for key in keys if key not in claimed]:
        raise ValueError(f"no phrase claims the evidence types {', '.join(missing)}: add one to the lexicon")


def word(phrases: str) -> tuple[str, Item]:
    """Phrases that state nothing."""
    return phrases, Item("word", "")


def claim(phrases: str, *keys: str) -> tuple[str, Item]:
    """Phrases that only evidence of these keys supports."""
    return phrases, Item("claim", "", keys=keys)


def place(phrases: str, *keys: str) -> tuple[str, Item]:
    """Claims directly before the brand or category that they speak of."""
    return phrases, Item("place", "", keys=keys)


def act(phrases: str, action: str) -> tuple[str, Item]:
    """Verbs of an action."""
    return phrases, Item("act", "", action)


def unit(phrases: str, name: str, role: str | None = None, code: str | None = None) -> tuple[str, Item]:
    """What the number before counts; `role` where the unit itself says it ("days ago"), `code` of a currency."""
    return phrases, Item("unit", "", (name, role, code), UNITS[name])


def number(phrases: str, value: float, role: str | None = None, unit_name: str | None = None) -> tuple[str, Item]:
    """A number in words, with its role ("twice") or unit ("a week") where the phrase has one."""
    return phrases, Item("number", "", (value, role, unit_name))


def cue(phrases: str, name: str, *keys: str) -> tuple[str, Item]:
    """Says what the next number is, and claims what the cue, or `keys`, say."""
    return phrases, Item("cue", "", name, keys or CUES[name])


def ratio(phrases: str, left: str, right: str) -> tuple[str, Item]:
    """Between the numbers of a share: which is the part and which the whole."""
    return phrases, Item("ratio", "", (left, right))


def plain(kind: str, phrases: str) -> tuple[str, Item]:
    """Phrases of a kind without a value: cut, end, reason, banned."""
    return phrases, Item(kind, "")


def currency(phrases: str, code: str) -> tuple[str, Item]:
    """A currency sign that stands before its number."""
    return phrases, Item("currency", "", code)


NAME = r"“[^“”]*”|《[^《》]*》"
NUMERAL = r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?"
CURRENCIES = [
    currency("$", "USD"),
    currency("£", "GBP"),
    currency("€", "EUR"),
    currency("¥|CN¥", "CNY"),
    currency("JP¥", "JPY"),
]
SIGNS = r"(?:CN|JP)¥|[A-Z]{3}(?=\s?[0-9])"
