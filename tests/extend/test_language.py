"""Add a language: what its module and its folder must hold, asked of every language and of German, which only tests see.

tests/libs/explain asks more of each: every wording is grounded, and what is changed in a sentence is refused.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import yaml

from libs.conf.shop import ShopConf
from libs.evidence.sentences import Job, Limits, write
from libs.explain.evidence_types import ACTIONS
from libs.explain.names import clean_name
from libs.explain.reading import items
from libs.explain.terms import Terms
from libs.explain.vocabulary import tied
from libs.features.segments import MARKS, MARKS_OF_BUYERS, NOUNS
from libs.languages.aspects import load_aspects
from libs.languages.lexicon import CUES, UNITS, Item, Lexicon
from libs.languages.pack import Pack, languages, pack
from tests.conftest import SHOP
from tests.libs.explain.facts import GERMAN, LANGUAGES, ROOT, example
from tests.libs.explain.mutations import MUTATIONS

ENGLISH = ROOT / "conf" / "languages" / "en"
SEGMENT_WORDS = {word for marks in (*MARKS.values(), *MARKS_OF_BUYERS.values()) for word in marks}
SEGMENT_WORDS |= {*NOUNS.values(), "typical"}
SHOWN = ["word", "end", "cut", "reason", "banned", "claim", "place", "act", "unit", "number", "ratio"]


def folder(language: str) -> Path:
    return next(path for root in (ENGLISH.parent, GERMAN) if (path := root / language).is_dir())


def phrases(lexicon: Lexicon) -> list[Item]:
    """All items of a lexicon."""
    found, nodes = [], [lexicon.phrases]
    while nodes:
        for key, node in nodes.pop().items():
            nodes += [node] if key else []
            found += [] if key else [node]
    return found


def missing_in_lexicon(lexicon: Lexicon) -> list[str]:
    """What the grounding check could not read."""
    known = phrases(lexicon)
    return [
        *(f"kind {kind}" for kind in SHOWN if not any(item.kind == kind for item in known)),
        *(f"act {action}" for action in ACTIONS if not any(i.kind == "act" and i.value == action for i in known)),
        *(
            f"unit {u}"
            for u in UNITS
            if u not in ("rank", "money") and not any(i.kind == "unit" and i.value[0] == u for i in known)
        ),
        *(f"cue {cue}" for cue in CUES if not any(item.kind == "cue" and item.value == cue for item in known)),
    ]


def unreadable(own: Pack) -> list[str]:
    """Numbers and amounts that the lexicon does not read as they were meant."""
    wrong = []
    for n in [*range(1, 25), 100, 1204, 1234567]:
        read = items(own.number(n), own.lexicon)
        wrong += [own.number(n)] if [item.value[0] for item in read if item.kind == "number"] != [n] else []
    for code in ("USD", "GBP", "EUR", "CNY", "JPY", "CHF"):
        for raw in ("9", "9.49", "1234.5"):
            shown = own.money(raw, code)
            read = {item.kind: item.value for item in items(shown, own.lexicon)}
            read_code = read.get("currency") or read.get("unit", (None, None, None))[2]
            wrong += [shown] if (Decimal(str(read["number"][0])), read_code) != (Decimal(raw), code) else []
            wrong += [] if shown.isprintable() else [repr(shown)]
    return wrong


def test_every_pack_has_its_folder_and_its_mutations():
    assert languages() == LANGUAGES == sorted(MUTATIONS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lexicon_reads_all_that_can_be_said(language):
    assert missing_in_lexicon(pack(language).lexicon) == []
    assert unreadable(pack(language)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_can_close_its_quotation_marks(language):
    assert not set(clean_name("a".join(pack(language).quotes) + "b")) & set(pack(language).quotes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_aspect_and_every_word_of_a_segment_is_named(language):
    of_english = load_aspects(ENGLISH / "aspects.yaml").labels
    assert sorted(of_english.keys() ^ load_aspects(folder(language) / "aspects.yaml").labels.keys()) == []
    terms = folder(language) / "terms.yaml"
    if language != "en":  # the words stand in the tables in English
        assert sorted(SEGMENT_WORDS - yaml.safe_load(terms.read_text(encoding="utf-8")).keys()) == []


def without(language: str, *tokens: str) -> Lexicon:
    lexicon = pack(language).lexicon
    return lexicon._replace(phrases={token: node for token, node in lexicon.phrases.items() if token not in tokens})


def test_what_a_lexicon_lacks_is_named():
    poor = without("en", "friend", "friends", "your", "play", "plays", "played", "playing", "listened")
    assert missing_in_lexicon(poor) == ["act play", "unit friends"]
    with pytest.raises(ValueError, match="no phrase claims the evidence types friends: add one"):
        tied(poor)


def test_a_shop_speaks_german_once_its_pack_is_there():
    """All that a shop needs: its conf is valid, and the job that writes sentences writes German ones."""
    shop = ShopConf.model_validate(SHOP | {"languages": ("de",), "text_language": "de"})
    words = yaml.safe_load((GERMAN / "de" / "terms.yaml").read_text(encoding="utf-8"))
    terms = Terms("de", load_aspects(GERMAN / "de" / "aspects.yaml").labels, words)
    texts = {
        language: (GERMAN / language / "templates.yaml").read_text(encoding="utf-8") for language in shop.languages
    }
    facts = [
        example("aspect_praise", "some"),
        example("segment", segment="lapsed, critical buyers", contribution=0.5, count="6"),
    ]
    row = ("r1", "home", "default", "u1", "p1", "Tails", 2.0, [fact._asdict() for fact in facts])
    [written] = write(Job(texts, {"de": terms}, Limits(), 5), iter([pd.DataFrame([row])]))
    assert written["grounded"].tolist() == [True]
    [sentence] = written["sentence"]
    assert "14 der 18 Bewertungen zum Thema „Klang“" in sentence
    assert "„lange nicht gesehene, kritische Käufer“" in sentence
