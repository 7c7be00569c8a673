"""Tokens, language and hash."""

import hashlib
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.text.tokens import CHINESE_STOP_WORDS, ENGLISH_STOP_WORDS, detect_language, text_hash, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The artist’s BEST songs don't disappoint", ["artist", "best", "songs", "disappoint"]),
        ("a white t-light holder, 60cm, set of 3", ["white", "light", "holder", "60cm", "set", "3"]),
        ("R&B at 3.5 stars, 1,000 copies", ["r&b", "3.5", "stars", "1,000", "copies"]),
        ("ＦＵＬＬ width Straße", ["full", "width", "strasse"]),
        ("Rock 'n' Roll o'clock", ["rock", "roll", "o'clock"]),
        ("... !!", []),
        (None, []),
    ],
)
def test_english_words(text, words):
    assert tokens(text, "en") == words


def test_chinese_is_segmented_into_words():
    assert tokens("质量很好，价格便宜", "zh") == ["质量", "好", "价格便宜"]


def test_mixed_text_is_cut_by_the_script_of_each_run():
    expected = ["beyoncé", "专辑", "音质", "不错", "vocals", "cd"]
    assert tokens("Beyoncé's 专辑音质不错 and the vocals，CD", "zh") == expected
    assert tokens("Beyoncé's 专辑音质不错 and the vocals，CD", "en") == expected


def test_stop_words_stay_when_asked_for_or_in_another_language():
    assert tokens("easy to use", stop_words=True) == ["easy", "to", "use"]
    assert tokens("was ist das", "de") == ["was", "ist", "das"]
    assert tokens("很好", stop_words=True) == ["很", "好"]


def test_jieba_writes_no_log_and_no_shared_cache(caplog, tmp_path, monkeypatch):
    from libs.text.tokens import _segmenter

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _segmenter.cache_clear()
    with caplog.at_level(logging.DEBUG):
        tokens("重新加载词典", "zh")
    # the garbage collector may release a JVM object meanwhile, which py4j logs
    assert not [record for record in caplog.records if record.name.startswith("jieba")]
    assert not list(tmp_path.iterdir())


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=60))
def test_tokens_are_folded_words_without_stop_words(text):
    for word in tokens(text, "en"):
        assert word == word.casefold()
        assert word.strip() == word != ""
        assert word not in ENGLISH_STOP_WORDS | CHINESE_STOP_WORDS


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A white mug", "en"),
        ("白色杯子", "zh"),
        ("iPhone 手机壳", "zh"),  # one Latin word against three characters
        ("Great album by the band 周杰", "en"),  # five words against two characters
        ("これは音楽です", "ja"),
        ("音楽のCD", "ja"),  # kana 1, Han 2: 5 * 1 >= 2
        ("음악 CD", "ko"),
        ("Привет мир", "ru"),
        ("123 !!", "und"),
        (None, "und"),
    ],
)
def test_language_by_script(text, language):
    assert detect_language(text) == language


def test_hash_is_sha256_of_the_normal_form():
    assert text_hash("café") == hashlib.sha256("café".encode()).hexdigest()[:32]
    assert text_hash("cafe\u0301") == text_hash("caf\u00e9")
    assert text_hash("Café") != text_hash("café")
    assert text_hash(None) == text_hash("") == "e3b0c44298fc1c149afbf4c8996fb924"  # the SHA-256 of nothing
