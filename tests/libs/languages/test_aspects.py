"""The aspect lexicons and how they match."""

import pickle
from pathlib import Path

import pytest

from libs.errors import OperatorError
from libs.languages.aspects import AspectLexicon, load_aspects, mentions

CONF = Path(__file__).parents[3] / "conf" / "languages"


@pytest.fixture(scope="module")
def english() -> AspectLexicon:
    return load_aspects(CONF / "en" / "aspects.yaml")


@pytest.fixture(scope="module")
def chinese() -> AspectLexicon:
    return load_aspects(CONF / "zh" / "aspects.yaml")


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


def test_lexicon_travels_to_workers(english):
    assert mentions("nice lyrics", pickle.loads(pickle.dumps(english))) == {"lyrics"}


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("a: {label: a, words: [x1], weight: 2}", "a: unknown key 'weight'"),
        ("a: {words: [x1]}", "a: missing key 'label'"),
        ("a: 3", "a must be a mapping"),
        ("", "at least one aspect"),
        ("a: {label: '', words: [x1]}", r"a\.label"),
        ("a: {label: a, words: []}", r"a\.words"),
        ("a: {label: a, words: [3]}", "3 is not a word"),
        ("a: {label: a, words: ['!']}", "'!' is not a word"),
        ("{a: {label: a, words: [x1]}, b: {label: b, words: [X1]}}", "already a word of 'a'"),
        ("- a list", "must map"),
    ],
)
def test_bad_aspects_are_refused_by_file_and_key(tmp_path, yaml, message):
    path = tmp_path / "en" / "aspects.yaml"
    path.parent.mkdir()
    path.write_text(yaml)
    with pytest.raises(OperatorError, match=message) as error:
        load_aspects(path)
    assert str(path) in str(error.value)


def test_aspects_of_a_language_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(OperatorError, match=r"no language 'xx': there are .*en"):
        load_aspects(tmp_path / "xx" / "aspects.yaml")
    with pytest.raises(OperatorError, match=r"en/aspects\.yaml: there is no such file"):
        load_aspects(tmp_path / "en" / "aspects.yaml")
