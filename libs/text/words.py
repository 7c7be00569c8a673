"""Words of a text, and a hash that tells whether it changed."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # Chinese stands apart from "CD" beside it
# "r&b" is one word; a number keeps its point ("3.5"); an apostrophe stays inside a word ("don't").
_WORD = re.compile(
    rf"(?P<han>[{_HAN}]+)"
    rf"|(?<![^\W_])[a-z]&[a-z](?![^\W_])"
    rf"|[0-9]+(?:[.,][0-9]+)+(?![^\W_])"
    rf"|[^\W_{_HAN}]+(?:'[^\W_{_HAN}]+)*"
)
_REPLACED = {0x2019: "'", 0x200C: None, 0x200D: None}  # joiners shape a word and part none
_POSSESSIVE = re.compile(r"'s?$")


def words(text: str | None) -> list[str]:
    """The words of `text` in reading order, case-folded; a run of Chinese characters is one word.

    A possessive "'s" is dropped, and so is a single letter.
    """
    folded = unicodedata.normalize("NFKC", text or "").translate(_REPLACED).casefold()
    matches = ((_POSSESSIVE.sub("", match[0]), match["han"]) for match in _WORD.finditer(folded))
    return [word for word, han in matches if len(word) > 1 or word.isdigit() or han]


def text_hash(text: str | None) -> str:
    """First 32 hex digits of the SHA-256 of the text in NFC: equal exactly when the text need not be embedded again."""
    return hashlib.sha256(unicodedata.normalize("NFC", text or "").encode("utf-8", "ignore")).hexdigest()[:32]
