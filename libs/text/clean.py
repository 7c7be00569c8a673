"""Hostile text made safe to store: valid UTF-8, no mark-up, no invisible characters; titles on one line.

Product and review text comes from strangers. It may carry HTML, links, control or invisible characters, and text that
addresses a reader or a model. Everything here is a pure function of its input and linear in its length, because it runs
in Arrow batches over millions of rows.
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import count

# Blanks of every kind; the separators \x1c to \x1f, which str.strip takes as well, are controls and stay.
BLANKS = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u2800\u3000\u3164\uffa0"
)
# Soft hyphen, zero-width and bidi marks, byte order mark: nobody sees them. Joiners (ZWNJ, ZWJ) shape words in some
# scripts, but no id needs one.
MARKS = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
JOINERS = "\u200c\u200d"
_WITHOUT_MARKS = dict.fromkeys(map(ord, MARKS + JOINERS))
_SURROGATE = re.compile("[\ud800-\udfff]")
_GB2312_PAIR = re.compile(rb"[\xa1-\xfe]{2}")
_ASCII_BYTES = bytes(range(128))

# Controls (white space aside), soft hyphen, zero-width and bidi characters, fillers that draw nothing, private use,
# non-characters, and the tag and variation selectors in which text can be hidden from people but not from programs.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\U000f0000-\U0010ffff\ud800-\udfff]+"
)
# Some invisible characters are needed where they stand (_needed): joiners and variation selectors beside letters of
# scripts that are shaped by them, and in emoji. Each must stand alone there: text could be hidden in a run of them.
_SHAPED = re.compile(
    "[\u0620-\u065f\u066e-\u06ff\u0700-\u077f\u07ca-\u085f\u0870-\u0963\u0971-\u0dff\u1000-\u109f\u1780-\u17d3\u1820-\u18aa"
    "\u1b00-\u1b4b\ua8e0-\ua8ff\ua980-\ua9c0\U00011000-\U000114ff]"
)
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_EMOJI = re.compile(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]"
)
_KEY = re.compile("[0-9#*]")  # of a keycap
_VIRAMA = 9  # canonical combining class: joins two consonants, or with a joiner after it shows that it does not
# England, Scotland and Wales: a black flag and the region's code in tag characters.
_FLAG_TAGS = frozenset(
    "".join(chr(0xE0000 + ord(c)) for c in code) + "\U000e007f" for code in ("gbeng", "gbsct", "gbwls")
)
# The semicolon is required: html.unescape alone would turn "fish&region" into "fish\u00aeion".
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_HIDDEN_CONTENT = re.compile(
    r"<(script|style|template|noscript|iframe)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.I | re.S
)
# Inline tags sit inside words ("H<sub>2</sub>O"); every other tag separates words. A tag right after "<" becomes a
# space, never nothing, so that no new tag can form from what stood on its two sides. A tag holds no "<", which keeps
# the search linear on hostile input.
_INLINE_TAG = re.compile(
    r"(?<!<)</?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|mark|s|small|span|strong|sub|sup|u|wbr)\b[^<>]*>", re.I
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_TAG_OPENER = re.compile(r"<+(?=[a-zA-Z/!?])")

_NOT_LINK = r"\s\u3000-\u303f\u3400-\u9fff\uff00-\uffef"  # a link ends where Chinese text goes on
_LABEL = r"[a-z0-9\u00c0-\u04ff_-]"
_LINK = re.compile(
    rf"!?\[([^\[\]]{{0,200}})\]\([^()\s]{{0,2000}}\)"  # markdown: its text stays
    rf"|(?:[a-z0-9+.-]{{0,16}}://|(?<![^\W_])www\.)[^{_NOT_LINK}]*"
    rf"|(?<![^\W_])(?:javascript|vbscript|data|mailto|tel|file):[^{_NOT_LINK}]+"
    rf"|[\w.+%-]{{1,64}}@{_LABEL}{{1,63}}(?:\.{_LABEL}{{1,63}})+"
    rf"|{_LABEL}{{1,63}}(?:\.{_LABEL}{{1,63}}){{0,4}}\.(?:com|net|org|info|biz|xyz|shop|site|online|top|ru|cn|io)(?![^\W_])"
    rf"(?:[/?#:][^{_NOT_LINK}]*)?",
    re.I,
)
# A shop's name at a title's start: "Amazon.com Gift Card", "Toys.com: Robots". One label, a capital, nothing after it.
_BRAND = re.compile(r"[A-Z][A-Za-z0-9-]{1,30}\.(?:com|net|org):?", re.I)
_INVITATION = re.compile(
    r"(?<![^\W_])(?:visit|click|buy|www|https?|download|log ?in|sign ?up|subscribe|win|free)(?![^\W_])"
    r"|点击|访问|登录|购买",
    re.I,
)
_MARKUP = re.compile(r"[`*<>{}\\|^_\ufffd]+|~~+|(?<![^\W_])#+(?![^\W_])")  # "#1 Hits" and "C#" keep their sign
_WORD = re.compile(r"[^\W_]+")
_LINK_SIGNS = frozenset(".:@[")
_MOST_CHARS = 4000  # of a title that are looked at: bounds the work on a hostile one
_EDGE = " \t-\u2013\u2014,;:/"
_LOOSE_COMMA = re.compile(r" (?=[,;](?: |$))")
_FULL_STOP = re.compile(r"(?<=[^\W_]{4})\.$")

_SMALL_WORDS = frozenset(
    ["a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the", "to", "with"]
)
_ABBREVIATIONS = ["USB", "UK", "USA", "EU", "LED", "EP", "OK", "UFO", "DIY", "RGB", "ABC", "AC", "DC", "ID", "IQ"]
_NUMERALS = ["II", "III", "IV", "VI", "VII", "VIII", "IX", "XI", "XII"]
_KEPT_CAPITAL = frozenset([*_ABBREVIATIONS, *_NUMERALS])
_NOT_ACRONYMS = frozenset(["MR", "MRS", "DR", "ST"])
_VOWELS = frozenset("AEIOUY")
_MEASURE = re.compile(r"(?<![^\W_])\d[^\W_]*")
_INITIALS = r"[^\W_]{1,2}(?:[&.][^\W_]{1,2})+(?![^\W_])"  # AT&T, R.E.M
_TITLE_WORD = re.compile(_INITIALS + r"|[^\W_]+(?:['\u2019][^\W_]+)*")


def to_utf8(raw: bytes | str) -> str:
    """Text of any encoding as a string that encodes to valid UTF-8 and holds no NUL.

    Bytes are UTF-8 (or UTF-16 with its mark) when they decode as such. Otherwise they are GB18030 when they decode as
    that and at least two thirds of their non-ASCII bytes stand in pairs, as Chinese does; otherwise Windows-1252, whose
    accented letters mostly stand alone between ASCII letters. Windows-1252's five unused bytes become U+FFFD.

    Args:
        raw: bytes as delivered, or a string that may hold surrogates. Surrogate pairs are joined, lone ones dropped.
    """
    text = raw if isinstance(raw, str) else _decode(raw)
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.replace("\x00", "")


def _decode(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "ignore")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    high = len(raw.translate(None, _ASCII_BYTES))
    if 2 * len(_GB2312_PAIR.findall(raw)) * 3 >= high * 2:
        try:
            return raw.decode("gb18030")
        except UnicodeDecodeError:
            pass
    return raw.decode("cp1252", "replace")


def clean_id(text: str) -> str:
    """A shop's id as it is stored and compared: NFC, without invisible marks, without blanks around it. Idempotent.

    >>> clean_id("\\ufeff 85123A\\u3000"), clean_id("cafe\\u0301") == "caf\\xe9"
    ('85123A', True)
    """
    return unicodedata.normalize("NFC", text.translate(_WITHOUT_MARKS)).strip(BLANKS)


def clean_text(s: str | None) -> str:
    """Plain text: no tags, entities decoded, no invisible characters, NFC, single spaces.

    Entities are decoded at most twice (shops deliver "&amp;amp;"), before tags are removed, so an encoded tag goes too.
    In the result no "<" stands before a letter, "/", "!" or "?": nothing in it can open a tag. None gives "".
    """
    if not s:
        return ""
    if s.isascii() and s.isprintable() and "<" not in s and "&" not in s:
        return " ".join(s.split())
    s = _visible(s)
    if "<" in s:
        s = _HIDDEN_CONTENT.sub(" ", s)
        s = _TAG.sub(" ", _INLINE_TAG.sub("", s))
        s = _TAG_OPENER.sub("", s)
    return unicodedata.normalize("NFC", " ".join(s.split()))


def clean_title(s: str | None, max_chars: int = 80) -> str:
    """A product's title, brand or category as it is stored: one line, no mark-up, no links, not shouted.

    `clean_text`, then links, addresses, markdown, backticks and angle, curly and square brackets go (square ones become
    round), an ALL-CAPS title gets title case, and what is longer than `max_chars` is cut at a word with an ellipsis.
    Idempotent. Empty only when the input has no visible character (entities decoded).

    Raises:
        ValueError: `max_chars` is below 8.
    """
    if max_chars < 8:
        raise ValueError(f"max_chars must be at least 8, not {max_chars}")
    if not s:
        return ""
    named = _finish(_without_markup(clean_text(s)[:_MOST_CHARS]), max_chars)
    if named:
        return named
    seen = _visible(s)[:_MOST_CHARS]
    words = _finish(" ".join(_WORD.findall(seen)), max_chars)
    marks = _MARKUP.sub("\u00b7", "".join(seen.split())).replace("://", "\u00b7")
    marks = _without_hidden(marks.replace("[", "(").replace("]", ")")[:max_chars])
    return words or marks.strip(_EDGE) or marks


def title_key(title: str) -> str:
    """What a title is compared by: its letters and digits, case and width folded; a title without any is its own key.

    Joiners do not count: a Persian word is the same with and without one.

    >>> title_key("Café — NOIR (CD)"), title_key("café noir cd"), title_key("!!!")
    ('café noir cd', 'café noir cd', '!!!')
    """
    seen = _INVISIBLE.sub("", title)
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", seen).casefold())) or title


def _visible(s: str) -> str:
    """NFC text without invisible characters, entities decoded at most twice."""
    for _ in range(2):
        s = _without_hidden(s)
        if "&" not in s:
            return s
        s = _ENTITY.sub(lambda m: html.unescape(m[0]), s)
    return _without_hidden(s)


def _without_hidden(s: str) -> str:
    """NFC text without the invisible characters that no letter or emoji needs."""
    for _ in range(4):  # what is removed may have held combining marks apart, whose order is then another
        s = unicodedata.normalize("NFC", s)
        seen = _INVISIBLE.sub(_needed, s)
        if seen == s:
            return s
        s = seen
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", s))  # made to mislead: it loses them all


def _needed(match: re.Match[str]) -> str:
    """A run of invisible characters if the characters around it need it, else nothing."""
    run, text = match[0], match.string
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if run in ("\u200c", "\u200d") and _SHAPED.match(before):
        needed = bool(_SHAPED.match(after)) or unicodedata.combining(before) == _VIRAMA
    elif run in ("\u180b", "\u180c", "\u180d", "\u180f"):
        needed = bool(_MONGOLIAN.match(before))
    elif run == "\u180e":
        needed = bool(_MONGOLIAN.match(before) and _MONGOLIAN.match(after))
    elif run in ("\ufe0e", "\ufe0f"):
        needed = bool(_EMOJI.match(before)) or (after == "\u20e3" and bool(_KEY.match(before)))
    elif run in ("\u200d", "\ufe0f\u200d"):
        needed = bool(_EMOJI.match(before) and _EMOJI.match(after))
    else:
        needed = before == "\U0001f3f4" and run in _FLAG_TAGS
    return run if needed else ""


def _without_markup(s: str) -> str:
    """`s` without links, mark-up and what is left of entities (those encoded three times or more are hostile)."""
    while True:  # until nothing changes: what stood around a removed piece may be a link of its own
        was = s
        if not _LINK_SIGNS.isdisjoint(s):
            s = _LINK.sub(lambda m: m[0] if _is_brand(m) else f" {m[1] or ''} ", s)
        if "&" in s:
            s = _ENTITY.sub(" ", s)
        s = " ".join(_MARKUP.sub(" ", s.replace("[", "(").replace("]", ")")).split())
        if not s.isascii():
            s = _without_hidden(s)  # what a joiner stood beside may be gone
        s = _LOOSE_COMMA.sub("", s).strip(_EDGE)
        if s == was:
            return s


def _is_brand(link: re.Match[str]) -> bool:
    """Whether what looks like an address is the name that a title begins with, and the title invites nobody to it."""
    named = link.start() == 0 and link[0][0].isupper() and _BRAND.fullmatch(link[0])
    return bool(named) and not _INVITATION.search(link.string)


def _finish(s: str, max_chars: int) -> str:
    s = _FULL_STOP.sub("", _unshout(s)).strip(_EDGE)
    while len(s) > max_chars:
        # A cut may make a link of half a word, or take the only lower-case letters away: look again.
        s = _unshout(_without_markup(_cut(s, max_chars)))
    return s


def _cut(s: str, max_chars: int) -> str:
    end = s.rfind(" ", 0, max_chars)
    if end < max_chars // 2:  # one long word, or Chinese
        end = max_chars - 1
        while end > 1 and unicodedata.combining(s[end]):
            end -= 1
    return s[:end].rstrip(_EDGE + ".!?(&+") + "\u2026"


def _unshout(s: str) -> str:
    """Title case for a title in capitals that has a word of five letters, or eight letters in two words or more."""
    bare = _MEASURE.sub("", s)  # "BAG 500g SWIRLY MARBLES" is shouted all the same
    if bare != bare.upper() or bare == bare.lower():
        return s
    words = _TITLE_WORD.findall(s)
    letters = [sum(c.isupper() for c in w) for w in words]
    if max(letters) < 5 and not (len(words) > 1 and sum(letters) >= 8):
        return s
    first = next(i for i, n in enumerate(letters) if n)
    position = count()
    return unicodedata.normalize("NFC", _TITLE_WORD.sub(lambda m: _title_word(m[0], next(position) == first), s))


def _title_word(word: str, first: bool) -> str:
    apostrophe = "'" in word or "\u2019" in word
    if word[0].isdigit():  # 60CM, 50'S; but 3D
        return word.lower() if apostrophe or sum(c.isalpha() for c in word) > 1 else word
    if "&" in word or "." in word or (not word.isalpha() and not apostrophe and sum(c.isalpha() for c in word) < 3):
        return word  # A4, MP3, AT&T; but SET3
    vowelless = len(word) <= 4 and word.isascii() and not apostrophe and not _VOWELS & set(word)  # DVD, BBQ
    if word in _KEPT_CAPITAL or (vowelless and word not in _NOT_ACRONYMS):
        return word
    return word.lower() if not first and word.lower() in _SMALL_WORDS else word.capitalize()
