"""Names from a shop, made safe to stand in a sentence.

Titles, brands and categories are hostile input. A name is shown only inside quotation marks, and after
`clean_name` it can neither close those marks, nor hold markup, a link or an invisible character.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

MAX_NAME = 90  # characters; a longer name is cut at a word and ends in an ellipsis

# Whatever a parser of sentences could take for the end of a quoted name.
_QUOTES = str.maketrans(dict.fromkeys('"“”„‟″«»「」『』＂〝〞〟', "'") | {"《": "〈", "》": "〉"})
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_ANGLES = str.maketrans({"<": "‹", ">": "›"})
_ENTITY = re.compile(r"&(?=#?\w+;)")
_SCHEME = re.compile(r"\b[a-z][a-z0-9+.-]*:/+|\bwww\.|\b(?:javascript|mailto):", re.IGNORECASE)
# The same endings that the grounding check takes for a link.
LINK_ENDING = re.compile(
    r"\.(?=(?:com|net|org|info|biz|io|co|cn|ru|uk|de|fr|jp|us|eu|tv|me|app|dev|shop|store|xyz|top|site|online)"
    r"(?![A-Za-z0-9]))",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 17)
def clean_name(raw: str) -> str:
    """The name as a sentence shows it; empty if nothing can be shown. Cleaning twice equals cleaning once."""
    text = raw
    for _ in range(4):  # entities may be escaped more than once, and hide an invisible character
        text = "".join(c for c in html.unescape(text) if c.isprintable() or c.isspace())
    text = _TAG.sub(" ", text).translate(_ANGLES).translate(_QUOTES)
    text = _ENTITY.sub("＆", text)
    while (bare := _SCHEME.sub("", text)) != text:  # one removal may uncover another
        text = bare
    text = " ".join(LINK_ENDING.sub(" ", text).split())
    if len(text) > MAX_NAME:
        cut = text[: MAX_NAME - 1]
        head, space, _ = cut.rpartition(" ")
        text = (head if space and len(head) > MAX_NAME // 2 else cut).rstrip() + "…"
    return text
