"""Words of our own that stand in facts, in the language of a sentence: aspects and the names of segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from libs.explain.evidence_types import Fact
from libs.languages.pack import pack


class Terms(NamedTuple):
    """One language's words.

    Attributes:
        language: code of its pack.
        aspects: aspect -> its noun phrase.
        words: a segment's word -> this language's; None where the names are read as they are.
    """

    language: str
    aspects: Mapping[str, str]
    words: Mapping[str, str] | None


def in_language(fact: Fact, terms: Terms) -> Fact | None:
    """The fact with its own words in the sentence's language; None where one has no translation."""
    if fact.type == "aspect_praise":
        label = terms.aspects.get(fact.slots["aspect"])
        return fact._replace(slots={**fact.slots, "aspect": label}) if label else None
    if fact.type == "segment" and terms.words is not None:
        name = segment_name(fact.slots["segment"], terms.words, terms.language)
        return fact._replace(slots={**fact.slots, "segment": name}) if name else None
    return fact


def segment_name(name: str, words: Mapping[str, str], language: str) -> str | None:
    """A segment's name, `mark, mark noun`, word by word; None where a word is missing.

    >>> segment_name("lapsed, critical buyers", {"lapsed": "久未光顾", "critical": "评价严格", "buyers": "买家"}, "zh")
    '久未光顾、评价严格的买家'
    """
    marks, _, noun = name.rpartition(" ")
    translated = [words[mark] for mark in marks.split(", ") if mark in words]
    complete = noun in words and len(translated) == 1 + marks.count(", ")
    return pack(language).phrase(translated, words[noun]) if complete else None
