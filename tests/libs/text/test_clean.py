"""Cleaning of hostile text: exact small cases, and what holds for any input."""

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.text.clean import clean_id, clean_text, clean_title, title_key, to_utf8
from libs.text.words import words

# Pieces that join into tags, links and entities when something between them is removed.
PIECES = [
    *"aAbB012<>&;:/.@#*_~[](){}`|!?-,…=\\ \n\t'",
    *("\x00", "\u200b", "\u202e", "\u0301", "\u0338", "\u1fef", "\ufffd", "İ", "ß", "ŉ", "中", "，", "\U000e0041"),
    *("&amp;", "&lt;", "&#60;", "amp;", "lt;", "<b>", "<script>", "</script>", "script>", "http", "://", "www."),
    *(
        "م",
        "ක",
        "\u0dca",
        "\u200c",
        "\u200d",
        "👨",
        "❤",
        "\ufe0f",
        "\ufe0e",
        "1\ufe0f\u20e3",
        "🏴",
        "\U000e007f",
        "ᠠ",
        "\u180b",
    ),
    *("Evil.com", ".com", "[a](b)", "](", "USB", "WHITE", "OF", "60CM", "data:"),
]
hostile = st.one_of(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.text(max_size=60))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("中文 title".encode(), "中文 title"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("周杰伦 CD".encode("utf-16"), "周杰伦 CD"),
        ("中文标题".encode("gb18030"), "中文标题"),
        ("CD 音质很好, 5 stars".encode("gb18030"), "CD 音质很好, 5 stars"),
        ("café".encode("cp1252"), "café"),
        # \xfcn and \xc4r are both valid GB18030 pairs; the rule sees that no two high bytes stand together.
        ("München Ärger".encode("cp1252"), "München Ärger"),
        ("“quoted” – 5 €".encode("cp1252"), "“quoted” – 5 €"),
        (b"\x81 unused in cp1252", "\ufffd unused in cp1252"),
        ("lone \ud800 surrogate, NUL \x00", "lone  surrogate, NUL "),
        ("a pair \ud83d\ude00", "a pair 😀"),
        (b"", ""),
    ],
)
def test_any_encoding_becomes_the_text_it_means(raw, text):
    assert to_utf8(raw) == text


@settings(deadline=None)  # a busy machine is no failure
@given(st.one_of(st.binary(max_size=80), st.text(st.characters(exclude_categories=()), max_size=40)))
def test_to_utf8_always_encodes_and_holds_no_nul(raw):
    assert b"\x00" not in to_utf8(raw).encode("utf-8")


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=60).filter(lambda s: "\x00" not in s and not s.startswith("\ufeff")))
def test_valid_utf8_is_kept_as_it_is(text):
    assert to_utf8(text.encode()) == text == to_utf8(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, ""),
        ("  Down \n&amp; Dirty ", "Down & Dirty"),
        ("Down &amp;amp; Dirty", "Down & Dirty"),
        ("thrice &amp;amp;amp; stays", "thrice &amp; stays"),
        ("one<br/>two<p>three", "one two three"),
        ("H<sub>2</sub>O is <b>gr</b>eat", "H2O is great"),
        ("a<script>alert('x')</script>b<style>p{}</style>c<!-- d -->e", "a b c e"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;ok", "ok"),
        ("never closed <script>alert(1)", "never closed"),
        ("I <3 you, 5 < 6 > 4", "I <3 you, 5 < 6 > 4"),
        ("fish&region AT&T R&B", "fish&region AT&T R&B"),
        ("ze\u200bro\u00ad wi\ufeffdth \u202eevil\u202c", "zero width evil"),
        ("tag\U000e0041\U000e0042s hide text", "tags hide text"),
        ("bell\x07 and esc\x1b[31m", "bell and esc[31m"),
        ("cafe\u0301", "café"),
        ("中文\u3000 标题&nbsp;！", "中文 标题 ！"),
        # Joiners and selectors where nothing needs them, or more than one where one is needed.
        ("a\u200db\u200cc 1\ufe0f A\ufe0f", "abc 1 A"),
        ("\u200cمی\u200c می\u200c\u200cخ می\u200d\u200cخ", "می میخ میخ"),
        ("❤\ufe0f\ufe0f 👨\u200d\u200d👩 👨\u200d b", "❤ 👨👩 👨 b"),
        (
            "🏴\U000e0067\U000e0062 x\U000e0067\U000e007f 🏴\U000e0067\U000e0062\U000e0065\U000e0076\U000e0069\U000e007f",
            "🏴 x 🏴",
        ),
        ("葛\U000e0100 葛\ufe00", "葛 葛"),
        ("می<b>\u200c</b>خ", "میخ"),
    ],
)
def test_clean_text(raw, text):
    assert clean_text(raw) == text


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "ශ\u0dca\u200dරී",
        "ന\u0d4d\u200d",  # a final letter of Malayalam, as older texts write it
        "ᠠ\u180bᠠ ᠨ\u180eᠠ",
        "👨\u200d👩\u200d👧",
        "👩🏽\u200d💻",
        "👩\u200d❤\ufe0f\u200d👨",
        "🏳\ufe0f\u200d🌈",
        "❤\ufe0f ☎\ufe0e ©\ufe0f",
        "1\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ],
)
def test_what_a_script_or_an_emoji_needs_stays(text):
    assert clean_text(text) == clean_title(text) == text


def test_joiners_do_not_make_another_title_or_word():
    assert title_key("می\u200cخواهم ❤\ufe0f") == title_key("میخواهم")
    assert words("می\u200cخواهم") == words("میخواهم") == ["میخواهم"]


@settings(deadline=None)  # a busy machine is no failure
@given(hostile)
def test_clean_text_cannot_open_a_tag_and_is_normal(s):
    text = clean_text(s)
    assert not re.search(r"<[a-zA-Z/!?]", text)
    assert text == " ".join(text.split()) == unicodedata.normalize("NFC", text)
    assert not {unicodedata.category(c) for c in text} & {"Cc", "Cs", "Co"}
    assert not set(text) & set("\u200b\u202e\u2066\ufeff\u00ad")
    assert not re.search(
        "(?a:[\\w\\s])[\u200c\u200d]|[\u200c\u200d](?:\\Z|[\u200c\u200d\ufe00-\ufe0f])",
        text.replace("\u0dca\u200d", "").replace("\u0dca\u200c", ""),
    )
    assert clean_text(text) == text or "&" in text or "<" in text


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("SET OF 6 T-LIGHTS SNOWMEN ", "Set of 6 T-Lights Snowmen"),
        ("PINK/WHITE CHRISTMAS TREE 30CM", "Pink/White Christmas Tree 30cm"),
        ("POPPY'S 50'S MUG", "Poppy's 50's Mug"),
        ("3D CD USB LED CHRISTMAS STAMPS", "3D CD USB LED Christmas Stamps"),
        ("AC/DC LIVE AT DONINGTON VOLUME II", "AC/DC Live at Donington Volume II"),
        ("AT&T PHONE", "AT&T Phone"),
        ("SET3 BOOK BOX", "Set3 Book Box"),
        ("BAG 500g SWIRLY MARBLES", "Bag 500g Swirly Marbles"),
        ("CREAM HEART CARD HOLDER.", "Cream Heart Card Holder"),
        ("DECORATION , WOBBLY CHICKEN, METAL ", "Decoration, Wobbly Chicken, Metal"),
        ("ABBA", "ABBA"),
        ("R.E.M.", "R.E.M."),
        ("Dotcomgiftshop GIFT Voucher £40.00", "Dotcomgiftshop GIFT Voucher £40.00"),
        ("eNigma lower", "eNigma lower"),
        ("Down &amp; Dirty", "Down & Dirty"),
        ("Thriller [Explicit]", "Thriller (Explicit)"),
        ("*USB Office `Mirror` {Ball}", "USB Office Mirror Ball"),
        ("# 1 #1 Hits in C#", "1 #1 Hits in C#"),
        ("[Click here](http://e.vil/x) for Jazz", "Click here for Jazz"),
        ("Jazz at https://e.vil/x?y=1, www.e.vil or buy@e.vil", "Jazz at or"),
        ("Jazz from evil.com/free", "Jazz from"),
        ("Jazz x://e.vil ://e.vil", "Jazz"),
        ("Amazon.com Gift Cards - Print at Home", "Amazon.com Gift Cards - Print at Home"),
        ("Booking.com Voucher", "Booking.com Voucher"),
        ("Toys.com: Robots", "Toys.com: Robots"),
        ("Toys.com", "Toys.com"),
        ("evil.com pills", "pills"),
        ("Evil.com/free pills", "pills"),
        ("Evil.com:8080 pills", "pills"),
        ("Evil.com?a=1 pills", "pills"),
        ("A.Evil.com pills", "pills"),
        ("Evil.shop pills", "pills"),
        ("Evil.com pills, click now", "pills, click now"),
        ("Evil.com 点击领取", "点击领取"),
        ("Get pills at Evil.com", "Get pills at"),
        ("Amazon.com Evil.com", "Amazon.com"),
        ("Will.I.Am", "Will.I.Am"),
        ("Awww. So sweet", "Awww. So sweet"),
        ("《七里香》http://a.cn/x看看", "《七里香》 看看"),
        ("Line one\nIgnore all <b>previous</b>\r\ninstructions", "Line one Ignore all previous instructions"),
        ("&amp;amp;lt;script&amp;amp;gt; x", "script x"),
    ],
)
def test_clean_title(title, shown):
    assert clean_title(title) == shown


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("http://x.com", "http x com"),
        ("<b></b>", "b b"),
        ("{}", "·"),
        ("://", "·"),
        ("---", "---"),
        ("&nbsp;\u200b", ""),
        (None, ""),
    ],
)
def test_title_of_nothing_but_markup_still_shows_something(title, shown):
    assert clean_title(title) == shown


def test_long_title_is_cut_at_a_word():
    # The last space within 20 characters follows "Hanging": 13 characters and the ellipsis.
    assert clean_title("White Hanging Heart-shaped holder", 20) == "White Hanging…"
    # No space in the last half: cut in the word, 19 characters and the ellipsis.
    assert clean_title("Donaudampfschifffahrtsgesellschaft", 20) == "Donaudampfschifffah…"
    assert clean_title("很" * 30, 20) == "很" * 19 + "…"


def test_absurd_length_limit_is_refused():
    with pytest.raises(ValueError, match="at least 8"):
        clean_title("x", 7)


@settings(deadline=None)  # a busy machine is no failure
@given(hostile, st.integers(8, 30))
def test_clean_title_is_idempotent_short_and_harmless(s, max_chars):
    shown = clean_title(s, max_chars)
    assert clean_title(shown, max_chars) == shown
    assert len(shown) <= max_chars
    assert not re.search(r"[`*<>{}\[\]\\\n\r]|://|\bwww\.", shown)
    assert shown or not any(c.isalnum() for c in clean_text(s))


@pytest.mark.parametrize(
    "piece",
    [
        "<a",
        "<script ",
        "&amp;",
        "[x](",
        "a@",
        "x.com",
        "a.",
        "e\u0301",
        "<b>",
        "&#",
        "(",
        "م\u200c",
        "👨\u200d",
        "A.com ",
    ],
)
def test_hostile_repetition_takes_linear_time(piece):
    text = piece * (400_000 // len(piece))
    start = time.process_time()
    clean_text(text)
    clean_title(text)
    assert time.process_time() - start < 3  # about 0.2 s; a quadratic pattern takes minutes


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_clean_id_stays_as_it_is_and_none_can_see_what_it_lost(text):
    cleaned = clean_id(text)
    assert clean_id(cleaned) == cleaned == unicodedata.normalize("NFC", cleaned)
    marked = "\u00a0\ufeff" + text[:1] + "\u200b\u202e" + text[1:] + "\u3000\t"
    assert clean_id(marked) == cleaned
