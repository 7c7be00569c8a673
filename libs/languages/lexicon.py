"""How the grounding check reads a language: its vocabulary is closed, and each phrase has one meaning.

What is in no phrase, no number and no quotation marks is a word for which there can be no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# What a counted noun counts, and what a cue says of the next number. Which evidence each can be about, and the groups
# of evidence that a claim may name in place of types, stand in libs.explain.vocabulary: a language knows none of it.
UNITS = ("people", "friends", "reviews", "items", "times", "day", "week", "month", "mean", "rank", "money")
CUES = ("every", "since", "window", "rank", "usual", "than", "before", "price", "all")
ANCHORED, PRICES = "anchored", "prices"


class Item(NamedTuple):
    """One read phrase.

    kind: word (states nothing), end (of sentence), cut (between clauses), reason ("because"), claim, place (a claim
    that a brand or category follows), act, unit, number, name, cue (says what the next number is), currency, ratio
    ("of the"), banned, unknown. `value` depends on the kind. `keys`: the evidence that can support it: types,
    "type:variant" or groups. `noun`: what an action's word counts where it follows a number ("review").
    """

    kind: str
    text: str
    value: Any = None
    keys: tuple[str, ...] = ()
    noun: str | None = None


Numeral = Callable[[str], tuple[float, str | None] | None]


class Lexicon(NamedTuple):
    """A language's tokens and phrases.

    Attributes:
        token: finds the tokens of a sentence; a name in quotation marks is one token.
        opening: the quotation marks that open a name.
        phrases: a trie of tokens; an item stands under the key "".
        numeral: reads a number: its value, and its role where its form tells it ("3rd" is a rank); None if it is none.
        numerals: finds a number written in several tokens.
        code_follows: whether a currency's code stands after its amount.
    """

    token: re.Pattern[str]
    opening: str
    phrases: dict[str, Any]
    numeral: Numeral
    numerals: re.Pattern[str]
    code_follows: bool


def lexicon(
    token: str,
    opening: str,
    numeral: Numeral,
    items: Iterable[tuple[str, Item]],
    numerals: str = r"(?!)",
    code_follows: bool = False,
) -> Lexicon:
    """A lexicon from (phrases separated by "|", their item).

    Raises:
        ValueError: a phrase has two meanings, or is about evidence that there is not; nothing claims an evidence type.
    """
    pattern = re.compile(token)
    trie: dict[str, Any] = {}
    for phrases, item in items:
        for phrase in phrases.split("|"):
            node = trie
            for part in pattern.findall(phrase):
                node = node.setdefault(part.lower(), {})
            if "" in node:
                raise ValueError(f"phrase {phrase!r} has two meanings")
            node[""] = item._replace(text=phrase)
    return Lexicon(pattern, opening, trie, numeral, re.compile(numerals), code_follows)


def grouped(text: str, group: str, point: str) -> float | None:
    """The value of digits with a sign between groups of three and a decimal sign; None if it is no number.

    >>> grouped("1.204,5", ".", ",")
    1204.5
    """
    number = re.fullmatch(rf"[0-9]+(?:\{group}[0-9]{{3}})*(?:\{point}[0-9]+)?", text)
    return float(text.replace(group, "").replace(point, ".")) if number else None


def word(phrases: str) -> tuple[str, Item]:
    """Phrases that state nothing."""
    return phrases, Item("word", "")


def claim(phrases: str, *keys: str) -> tuple[str, Item]:
    """Phrases that only evidence of these types, "type:variant" or groups supports."""
    return phrases, Item("claim", "", keys=keys)


def place(phrases: str, *keys: str) -> tuple[str, Item]:
    """Claims directly before the brand or category that they speak of."""
    return phrases, Item("place", "", keys=keys)


def act(phrases: str, action: str, noun: str | None = None) -> tuple[str, Item]:
    """Verbs of an action; `noun` where the same word is a counted noun too (`UNITS`)."""
    return phrases, Item("act", "", action, noun=noun)


def unit(phrases: str, name: str, role: str | None = None, code: str | None = None) -> tuple[str, Item]:
    """What the number before counts; `role` where the unit itself says it ("days ago"), `code` of a currency."""
    return phrases, Item("unit", "", (name, role, code))


def number(phrases: str, value: float, role: str | None = None, unit_name: str | None = None) -> tuple[str, Item]:
    """A number in words, with its role ("twice") or unit ("a week") where the phrase has one."""
    return phrases, Item("number", "", (value, role, unit_name))


def cue(phrases: str, name: str, *keys: str) -> tuple[str, Item]:
    """Says what the next number is, and claims what the cue says of its own, or `keys`."""
    return phrases, Item("cue", "", name, keys)


def ratio(phrases: str, left: str, right: str) -> tuple[str, Item]:
    """Between the numbers of a share: which is the part and which the whole."""
    return phrases, Item("ratio", "", (left, right))


def plain(kind: str, phrases: str) -> tuple[str, Item]:
    """Phrases of a kind without a value: end, reason, banned."""
    return phrases, Item(kind, "")


def cut(phrases: str, manner: str | None = None) -> tuple[str, Item]:
    """Parts two clauses. `manner`: relative ("which" speaks of what came before) or opens (":" may follow a title)."""
    return phrases, Item("cut", "", manner)


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
