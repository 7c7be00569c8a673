"""A wrong template file is refused with the file and the key; grammar that templates lean on."""

import pytest
import yaml

from libs.errors import OperatorError
from libs.explain.durations import duration_unit
from libs.explain.templates import compile_templates, read_templates
from libs.languages.en import a_or_an
from tests.libs.explain.facts import ROOT

TEXTS = read_templates(ROOT / "conf" / "languages")


def changed(path, value):
    """English templates with one key set to a value, or removed where the value is None."""
    data = yaml.safe_load(TEXTS["en"])
    node = data
    *parents, last = path
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return yaml.safe_dump(data, allow_unicode=True)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["colour"], "red", "en.yaml: colour: unknown key"),
        (["stop"], None, "en.yaml: stop: missing"),
        (["stop"], 3, "en.yaml: stop: must be a str"),
        (["wordings", "weather"], {}, "en.yaml: wordings.weather: unknown key"),
        (["wordings", "friends"], None, "en.yaml: wordings.friends: missing"),
        (["wordings", "friends", "reasons"], [], "en.yaml: wordings.friends.reasons: unknown key"),
        (["wordings", "friends", "reason"], [], "en.yaml: wordings.friends.reason: must be a list"),
        (["wordings", "friends", "reason"], [7], r"en.yaml: wordings.friends.reason\[0\]: must be text"),
        (
            ["wordings", "friends", "reason"],
            ["{cuont:friend}"],
            r"reason\[0\]: unknown slot {cuont:friend}; known: act",
        ),
        (["wordings", "friends", "reason"], ["{count:fiend}"], "no such form for a slot of kind count"),
        (["wordings", "friends", "reason"], ["{count} of them"], "no such form for a slot of kind count"),
        (["wordings", "own_history", "reason"], ["{anchor:digits}"], "no such form for a slot of kind name"),
        (["wordings", "own_history", "reason"], ["{anchor!r} {0}"], "a brace is out of place"),
        (["wordings", "own_rhythm", "reason"], ["{every_days:gap}"], "needs one wording that uses no optional slot"),
        (["wordings", "similar_product", "reason", "smell"], ["x"], "reason.smell: unknown key"),
        (["actions", "purchase", "did"], None, "en.yaml: actions.purchase.did: missing"),
        (["actions", "steal"], {}, "en.yaml: actions.steal: unknown key"),
        (["nouns", "person", "few"], "x", "en.yaml: nouns.person.few: unknown key"),
        (["nouns", "person", "one"], None, "en.yaml: nouns.person.one: missing"),
        (["nouns", "person"], "x", "en.yaml: nouns.person: must be a mapping"),
        (["durations", "gap", "week", "two"], "x", "en.yaml: durations.gap.week.two: unknown key"),
        (["wordings", "friends", "reason"], ["{count|is} x"], "needs one text each for one, other"),
        (["durations", "gap", "week"], None, "en.yaml: durations.gap.week: missing"),
        (["frames", "reason"], ["why not"], r"frames.reason\[0\]: must end in {clause}"),
        (["frames", "reason"], ["{title}: {clause}"], "needs one frame without {title}"),
    ],
)
def test_a_wrong_key_slot_or_form_is_named(path, value, message):
    with pytest.raises(OperatorError, match=message):
        compile_templates(changed(path, value), "conf/languages/en.yaml", "en")


@pytest.mark.parametrize("text", ["a: [", "- a", ""])
def test_text_that_is_no_mapping_is_refused(text):
    with pytest.raises(OperatorError, match=r"^en\.yaml: not"):
        compile_templates(text, "en.yaml", "en")


@pytest.mark.parametrize(
    ("name", "article"),
    [
        ("Electronic", "an"),
        ("Blues", "a"),
        ("Hour of Power", "an"),
        ("House", "a"),
        ("Unicorn", "a"),
        ("Unimportant", "an"),
        ("Uninteresting", "an"),
        ("Umbrella", "an"),
        ("U2", "a"),
        ("European", "a"),
        ("One", "a"),
        ("8-Track", "an"),
        ("11", "an"),
        ("18", "an"),
        ("1999", "a"),
        ("50 Cent", "a"),
        ("LP", "an"),
        ("CD", "a"),
        ("UFO", "a"),
        ("“”", "a"),
        ("爵士", "a"),
    ],
)
def test_the_article_follows_the_sound(name, article):
    assert a_or_an(name) == article


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (1, ("day", 1)),
        (7, ("week", 1)),
        (13, ("day", 13)),
        (28, ("week", 4)),
        (30, ("day", 30)),
        (56, ("week", 8)),
        (61, ("month", 2)),  # 2 x 30.44 = 60.9
        (91, ("month", 3)),  # 91.3
        (106, ("day", 106)),  # 3.5 months: 14.7 days off either way
        (365, ("month", 12)),  # 365.3
    ],
)
def test_lengths_of_time_are_told_in_the_natural_unit(days, told):
    assert duration_unit(days) == told
