"""Words and hash."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.text.words import text_hash, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The artist’s BEST songs don't disappoint", ["the", "artist", "best", "songs", "don't", "disappoint"]),
        ("a white t-light holder, 60cm, set of 3", ["white", "light", "holder", "60cm", "set", "of", "3"]),
        ("R&B at 3.5 stars, 1,000 copies", ["r&b", "at", "3.5", "stars", "1,000", "copies"]),
        ("ＦＵＬＬ width Straße", ["full", "width", "strasse"]),
        ("Rock 'n' Roll o'clock", ["rock", "roll", "o'clock"]),
        ("Beyoncé's 专辑CD and 词", ["beyoncé", "专辑", "cd", "and", "词"]),
        ("... !!", []),
        (None, []),
    ],
)
def test_words_of_a_text(text, found):
    assert words(text) == found


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=60))
def test_words_are_folded_and_hold_no_space(text):
    for word in words(text):
        assert word == word.casefold()
        assert word.split() == [word]


def test_hash_is_sha256_of_the_normal_form():
    assert text_hash("café") == hashlib.sha256("café".encode()).hexdigest()[:32]
    assert text_hash("cafe\u0301") == text_hash("caf\u00e9")
    assert text_hash("Café") != text_hash("café")
    assert text_hash(None) == text_hash("") == "e3b0c44298fc1c149afbf4c8996fb924"  # the SHA-256 of nothing
