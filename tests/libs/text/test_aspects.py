"""The aspect lexicons and how they match."""

import pickle
from pathlib import Path

import pytest

from libs.text.aspects import Lexicon, load_lexicon, mentions
from libs.text.tokens import tokens

CONF = Path(__file__).parents[3] / "conf" / "aspects"


@pytest.fixture(scope="module")
def english() -> Lexicon:
    return load_lexicon("en", CONF / "en.yaml")


@pytest.fixture(scope="module")
def chinese() -> Lexicon:
    return load_lexicon("zh", CONF / "zh.yaml")


def test_every_aspect_has_a_label_in_both_languages(english, chinese):
    # A fact found in an English review is told in Chinese too.
    assert set(english.labels) == set(chinese.labels)


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("The lyrics are great and her VOICE soars.", {"lyrics", "vocals"}),
        ("Superb sound quality", {"sound"}),  # not also quality
        ("Superb quality, superb sound", {"sound", "quality"}),
        ("Very easy to use, great value for money", {"ease of use", "value"}),
        ("well-made and hard-wearing", {"quality", "durability"}),
        ("a big box", set()),  # "too big" is about size, "big" is not
        ("far too big", {"size"}),
        ("a soundtrack of voiceless design-", {"design"}),  # whole words only
        ("his rapid-fire delivery, a matter of taste", set()),
        ("", set()),
    ],
)
def test_english_mentions(english, text, aspects):
    assert mentions(text, english) == aspects


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("音质很好，歌词也感人", {"sound", "lyrics", "emotion"}),
        ("性价比高，物流快，包装精美", {"value", "delivery", "packaging"}),
        ("酒店房间很干净，早餐不错", {"room", "cleanliness", "breakfast"}),
        ("性 价 比 高", {"value"}),
        ("今天天气", set()),
    ],
)
def test_chinese_mentions(chinese, text, aspects):
    assert mentions(text, chinese) == aspects


def test_tokens_mention_what_their_text_mentions(english, chinese):
    text = "Great sound quality, moving lyrics and a fair price"
    assert mentions(tokens(text, "en"), english) == mentions(text, english) == {"sound", "lyrics", "value"}
    text = "质量不错，快递很快"
    assert mentions(tokens(text, "zh"), chinese) == mentions(text, chinese) == {"quality", "delivery"}


def test_lexicon_travels_to_workers(english):
    assert mentions("nice lyrics", pickle.loads(pickle.dumps(english))) == {"lyrics"}


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("language: en\naspects: {a: {label: a, words: [x1]}}\nextra: 1", "unknown key 'extra'"),
        ("language: en\naspects: {a: {label: a, words: [x1], weight: 2}}", r"aspects\.a: unknown key 'weight'"),
        ("language: en\naspects: {a: {words: [x1]}}", r"aspects\.a: missing key 'label'"),
        ("language: zh\naspects: {a: {label: a, words: [x1]}}", "language is 'zh', 'en' was asked for"),
        ("language: en\naspects: {}", "at least one aspect"),
        ("language: en\naspects: {a: {label: '', words: [x1]}}", r"aspects\.a\.label"),
        ("language: en\naspects: {a: {label: a, words: []}}", r"aspects\.a\.words"),
        ("language: en\naspects: {a: {label: a, words: [3]}}", "3 is not a word"),
        ("language: en\naspects: {a: {label: a, words: ['!']}}", "'!' is not a word"),
        ("language: en\naspects: {a: {label: a, words: [x1]}, b: {label: b, words: [X1]}}", "already a word of 'a'"),
        ("- a list", "must be a mapping"),
    ],
)
def test_bad_lexicon_is_refused_by_file_and_key(tmp_path, yaml, message):
    path = tmp_path / "words.yaml"
    path.write_text(yaml)
    with pytest.raises(ValueError, match=message) as error:
        load_lexicon("en", path)
    assert str(path) in str(error.value)
