"""Names from a shop, made safe to stand in a sentence.

Titles, brands and categories are hostile input, though libs.text.clean has cleaned what is stored. A name is shown only
inside quotation marks, and after `clean_name` it can neither close those marks, nor hold markup, a link or an invisible
character. Two things only look alike and stay: a joiner between letters or emoji that it shapes, and a shop's name as
the first word ("Amazon.com Gift Card").
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
_SCHEME = re.compile(r"\b[a-z][a-z0-9+.-]*:/+|\bwww\.", re.IGNORECASE)
_ENDINGS = "com|net|org|info|biz|io|co|cn|ru|uk|de|fr|jp|us|eu|tv|me|app|dev|shop|store|xyz|top|site|online"
# What may be taken for a link, anywhere in a text: cleaned out of names here, refused in sentences by `grounding`.
LINK = re.compile(rf"://|(?<=www)\.|(?<=javascript):|(?<=mailto):|\.(?=(?:{_ENDINGS})(?![A-Za-z0-9]))", re.IGNORECASE)
_SHOP_NAME = re.compile(r"[A-Z][A-Za-z0-9-]{1,30}\.(?:[Cc]om|[Nn]et|[Oo]rg)(?=[:!,;]?(?:[\s…]|\Z))")
_INVITING = re.compile(
    r"\b(?:visit|click|buy|www|https?|download|log ?in|sign ?up|subscribe|win|free)\b|点击|访问|登录|购买",
    re.IGNORECASE,
)
_SHAPED = "\u0600-\u1fff\ua800-\uabff\U00011000-\U000114ff"  # Arabic, Indic and other scripts that use joiners
_EMOJI = "\u2194-\u2bff\ufe0f\U0001f000-\U0001faff"
JOINER = re.compile(rf"(?<=[{_SHAPED}])[\u200c\u200d](?=[{_SHAPED}])|(?<=[{_EMOJI}])\u200d(?=[{_EMOJI}])")
_MAX_RAW = 1000  # characters read of a raw name: bounds the work that nested entities can make


@lru_cache(maxsize=1 << 17)
def clean_name(raw: str) -> str:
    """The name as a sentence shows it; empty if nothing can be shown. Cleaning twice equals cleaning once."""
    text, before = raw[:_MAX_RAW], None
    while text != before:  # entities may be escaped more than once, and hide an invisible character
        before = text
        text = _printable(html.unescape(text))
    text = _TAG.sub(" ", text).translate(_ANGLES).translate(_QUOTES)
    text = " ".join(_ENTITY.sub("＆", text).split())
    if len(text) > MAX_NAME:
        cut = text[: MAX_NAME - 1]
        head, space, _ = cut.rpartition(" ")
        text = (head if space and len(head) > MAX_NAME // 2 else cut).rstrip() + "…"
    before = None
    while text != before:  # after the cut, which may make an ending; a blank each, so that no removal joins two halves
        before = text
        named = shop_name(text)
        text = " ".join((named + LINK.sub(" ", _SCHEME.sub(" ", text[len(named) :]))).split())
        text = _printable(text)
    return text


def shop_name(name: str) -> str:
    """The shop's name that a name begins with, as Amazon.com; empty if there is none or the rest invites to go there.

    >>> shop_name("Amazon.com Gift Card"), shop_name("Evil.com, visit now"), shop_name("Evil.com/card")
    ('Amazon.com', '', '')
    """
    match = _SHOP_NAME.match(name)
    return match[0] if match and not _INVITING.search(name) else ""


def _printable(text: str) -> str:
    joiners = {match.start() for match in JOINER.finditer(text)}
    return "".join(c for i, c in enumerate(text) if c.isprintable() or c.isspace() or i in joiners)
