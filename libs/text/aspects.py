"""What a review talks about: a lexicon of aspects and the words that mention them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from libs.text.tokens import tokens


@dataclass(frozen=True)
class Lexicon:
    """Aspects of one language. Small and picklable: it may ride to workers in a closure.

    Attributes:
        language: "en" or "zh".
        labels: aspect -> the noun phrase that a sentence shows, for example {"value": "value for money"}.
        aspect_of: normalised word or phrase -> aspect.
        pattern: finds those words, the longest first, in tokens joined by single spaces.
    """

    language: str
    labels: Mapping[str, str]
    aspect_of: Mapping[str, str]
    pattern: re.Pattern[str]


def load_lexicon(language: str, path: Path | str) -> Lexicon:
    """Read and check the lexicon file of one language: `{language, aspects: {name: {label, words: [...]}}}`.

    Raises:
        ValueError: naming the file and the key: an unknown or missing key, another language, an empty label or word
            list, a word that holds no letters or digits, or belongs to two aspects.
        FileNotFoundError: there is no such file.
    """
    where = Path(path)
    content = yaml.safe_load(where.read_text(encoding="utf-8"))
    _check_keys(content, {"language", "aspects"}, f"{where}")
    if content["language"] != language:
        raise ValueError(f"{where}: language is {content['language']!r}, {language!r} was asked for")
    if not isinstance(content["aspects"], dict) or not content["aspects"]:
        raise ValueError(f"{where}: aspects must name at least one aspect")
    labels: dict[str, str] = {}
    aspect_of: dict[str, str] = {}
    for aspect, entry in content["aspects"].items():
        key = f"{where}: aspects.{aspect}"
        _check_keys(entry, {"label", "words"}, key)
        if not isinstance(entry["label"], str) or not entry["label"].strip():
            raise ValueError(f"{key}.label must be text")
        if not isinstance(entry["words"], list) or not entry["words"]:
            raise ValueError(f"{key}.words must be a list of at least one word")
        labels[aspect] = entry["label"].strip()
        for word in entry["words"]:
            normal = _normal(word, language) if isinstance(word, str) else ""
            if not normal:
                raise ValueError(f"{key}.words: {word!r} is not a word to look for (numbers need quotes)")
            if aspect_of.setdefault(normal, aspect) != aspect:
                raise ValueError(f"{key}.words: {word!r} is already a word of {aspect_of[normal]!r}")
    return Lexicon(language, labels, aspect_of, _pattern(aspect_of, language))


def mentions(text_or_tokens: str | Sequence[str], lexicon: Lexicon) -> set[str]:
    """The aspects that a text, or the `tokens` of one, mentions.

    English phrases match whole consecutive words; one with a stop word in it ("easy to use") needs the text, or tokens
    made with `stop_words=True`. Chinese words match anywhere in the characters, because a segmenter
    cuts the same word differently in different company; text then needs no segmenting. Of overlapping words the longest
    counts: "sound quality" is about sound, not about quality.
    """
    if isinstance(text_or_tokens, str):
        searched = _normal(text_or_tokens, lexicon.language)
    else:
        searched = ("" if lexicon.language == "zh" else " ").join(text_or_tokens)
    return {lexicon.aspect_of[found] for found in lexicon.pattern.findall(searched)}


def _normal(text: str, language: str) -> str:
    return "".join(text.casefold().split()) if language == "zh" else " ".join(tokens(text, language, stop_words=True))


def _pattern(words: Mapping[str, str], language: str) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))
    return re.compile(either if language == "zh" else rf"(?<!\S)(?:{either})(?!\S)")


def _check_keys(found: Any, wanted: set[str], where: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{where} must be a mapping with the keys {', '.join(sorted(wanted))}")
    for problem, keys in (("unknown", set(found) - wanted), ("missing", wanted - set(found))):
        if keys:
            raise ValueError(f"{where}: {problem} key {', '.join(sorted(map(repr, keys)))}")
