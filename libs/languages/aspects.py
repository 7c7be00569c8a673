"""What a review talks about: a lexicon of aspects and the words that mention them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from libs.errors import OperatorError
from libs.languages.pack import Pack, pack


@dataclass(frozen=True)
class AspectLexicon:
    """Aspects of one language. Small and picklable: it may ride to workers in a closure.

    Attributes:
        language: code of its pack.
        labels: aspect -> the noun phrase that a sentence shows, for example {"value": "value for money"}.
        aspect_of: searchable word or phrase -> aspect.
        pattern: finds those words, the longest first, in searchable text.
    """

    language: str
    labels: Mapping[str, str]
    aspect_of: Mapping[str, str]
    pattern: re.Pattern[str]


def load_aspects(path: Path) -> AspectLexicon:
    """Reads and checks conf/languages/<language>/aspects.yaml: `aspect: {label, words: [...]}`.

    Raises:
        OperatorError: the language has no pack, there is no such file, or, naming the file and the key: an unknown or
            missing key, an empty label or word list, a word that holds no letters or digits, or belongs to two aspects.
    """
    language = pack(path.parent.name)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OperatorError(f"{path}: there is no such file") from None
    if not isinstance(content, dict) or not content:
        raise OperatorError(f"{path}: must map at least one aspect to its label and words")
    labels: dict[str, str] = {}
    aspect_of: dict[str, str] = {}
    for aspect, entry in content.items():
        key = f"{path}: {aspect}"
        _check_keys(entry, {"label", "words"}, key)
        if not isinstance(entry["label"], str) or not entry["label"].strip():
            raise OperatorError(f"{key}.label must be text")
        if not isinstance(entry["words"], list) or not entry["words"]:
            raise OperatorError(f"{key}.words must be a list of at least one word")
        labels[aspect] = entry["label"].strip()
        for word in entry["words"]:
            searchable = language.searchable(word) if isinstance(word, str) else ""
            if not searchable:
                raise OperatorError(f"{key}.words: {word!r} is not a word to look for (numbers need quotes)")
            if aspect_of.setdefault(searchable, aspect) != aspect:
                raise OperatorError(f"{key}.words: {word!r} is already a word of {aspect_of[searchable]!r}")
    return AspectLexicon(language.code, labels, aspect_of, _pattern(aspect_of, language))


def mentions(text: str, lexicon: AspectLexicon) -> set[str]:
    """The aspects that a text mentions.

    Where spaces part words, phrases match whole consecutive words. Chinese words match anywhere in the characters,
    because a segmenter cuts the same word differently in different company. Of overlapping words the longest counts:
    "sound quality" is about sound, not about quality.
    """
    words = lexicon.pattern.findall(pack(lexicon.language).searchable(text))
    return {lexicon.aspect_of[word] for word in words}


def _pattern(words: Mapping[str, str], language: Pack) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))
    return re.compile(rf"(?<!\S)(?:{either})(?!\S)" if language.spaced else either)


def _check_keys(entry: Any, needed: set[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise OperatorError(f"{where} must be a mapping with the keys {', '.join(sorted(needed))}")
    for problem, keys in (("unknown", set(entry) - needed), ("missing", needed - set(entry))):
        if keys:
            raise OperatorError(f"{where}: {problem} key {', '.join(sorted(map(repr, keys)))}")
