"""Names made safe: known cases by hand, and no text at all gets through."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.explain.names import MAX_NAME, clean_name


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Memory of Trees", "Memory of Trees"),
        ("  Two \n lines ", "Two lines"),
        ("Honky Ch&acirc;teau", "Honky Château"),
        ("Wild &amp;amp; Peaceful", "Wild & Peaceful"),
        ("<b>Bold</b> title", "Bold title"),
        ("&lt;script&gt;x&lt;/script&gt;", "x"),
        ("I <3 U", "I ‹3 U"),
        ('12" Mixes of “Blue”', "12' Mixes of 'Blue'"),
        ("《活着》", "〈活着〉"),
        ("https://evil.com/x", "evil com/x"),
        ("www.evil.com", "evil com"),
        ("will.i.am", "will.i.am"),
        ("Awww. Cute", "Awww Cute"),
        ("a:// b", "b"),
        ("://", ""),
        ("9a://b", "9a b"),
        ("javascript:alert(1)", "javascript alert(1)"),
        ("Big Data: The Album", "Big Data: The Album"),
        ("&http://lt;", "& lt;"),
        ("x" * 85 + ".comma", "x" * 85 + " com…"),  # the cut itself makes an ending
        ("&amp;amp;amp;amp;amp;lt;b&amp;amp;amp;amp;amp;gt;", ""),
        ("R.E.M.", "R.E.M."),
        ("Mr. Co Op", "Mr. Co Op"),
        ("R&B; Soul", "R＆B; Soul"),
        ("a\u200bb\u202ec\x00d", "abcd"),
        ("{0} %s $x", "{0} %s $x"),
        ("<b></b>", ""),
        ("word " * 30, ("word " * 17).strip() + "…"),
        ("长" * 100, "长" * (MAX_NAME - 1) + "…"),
    ],
)
def test_known_names(raw, clean):
    assert clean_name(raw) == clean


HARD = st.text(alphabet=st.sampled_from(list('<>&;#/:.“”"《》lgtampquwcom hpsHT0x3\u200b\x00')), max_size=40)


@settings(deadline=None)  # a busy machine is no failure
@given(st.one_of(st.text(max_size=200), HARD))
def test_no_text_closes_its_quotes_or_holds_markup_links_or_invisible_characters(raw):
    name = clean_name(raw)
    assert not re.search(
        r"[<>“”\"《》\n]|&#?\w+;|://|www\.|javascript:|mailto:|\.com(?![A-Za-z0-9])", name, re.IGNORECASE
    )
    assert name.isprintable()
    assert len(name) <= MAX_NAME
    assert clean_name(name) == name
