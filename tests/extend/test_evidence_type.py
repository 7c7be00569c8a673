"""Whatever a new evidence type lacks is named: in its declaration, gathering, wordings, phrases or examples."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.catalog import get_job
from libs.errors import OperatorError
from libs.evidence import facts
from libs.evidence.gather import refuse_missing
from libs.explain.declaration import EvidenceType, Slot, omissions
from libs.explain.evidence_types import EVIDENCE_TYPES
from libs.explain.templates import compile_templates, read_templates
from libs.explain.vocabulary import tied
from libs.languages.lexicon import Item, Lexicon, claim, lexicon, unit
from tests.libs.explain.facts import FIRST_WORDINGS, ROOT, SLOTS

PEOPLE = Slot("count", "people who did", role="people")
WEATHER = EvidenceType(
    "people took this product on days like this one",
    {"sky": Slot("enum", "what the day is like", choices=("rain", "sun")), "count": PEOPLE},
    states=("people",),
    subject="product",
    gathered_by="weather",
    tables=("features.product_profile",),
    keys=("product_id",),
    people="count",
    variant="sky",
)


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that is declared, and nothing else."""
    monkeypatch.setitem(EVIDENCE_TYPES, "weather", WEATHER)


def test_a_whole_declaration_has_no_omissions() -> None:
    assert omissions(WEATHER) == []


@pytest.mark.parametrize(
    ("part", "value", "problem"),
    [
        ("states", (), "states: missing"),
        ("gathered_by", "", "gathered_by: missing"),
        ("tables", (), "tables: missing"),
        ("keys", (), "keys: missing"),
        ("states", ("persons",), "states: persons: no role"),
        ("states", ("act",), "an act needs the slot action"),
        ("people", "persons", "people: no slot 'persons'"),
        ("variant", "count", "variant: no enum slot 'count'"),
        ("slots", {"count": PEOPLE._replace(role=None)}, "slots.count: a number has a role"),
        ("slots", {"count": PEOPLE._replace(role="crowd")}, "slots.count: role 'crowd' is not one of people"),
        ("slots", {"count": PEOPLE._replace(role="part")}, "slots.count: a share says what it counts"),
        ("slots", {"count": PEOPLE._replace(role="part", of="items")}, "a part has its whole"),
        ("slots", {"sky": Slot("enum", "x")}, "slots.sky: an enum has choices"),
        ("slots", {"a": Slot("name", "x"), "b": Slot("name", "x")}, "one name beside the anchor"),
    ],
)
def test_a_part_that_is_missing_or_wrong_is_named(part: str, value: Any, problem: str) -> None:
    found = omissions(WEATHER._replace(**{part: value}))
    assert any(problem in text for text in found), found


def test_a_fact_of_others_about_a_user_names_its_product_for_erasure() -> None:
    [problem] = omissions(WEATHER._replace(subject="user", keys=("user_id",)))
    assert problem.startswith("keys: product_id is missing")


@pytest.mark.parametrize(("type", "spec"), EVIDENCE_TYPES.items())
def test_each_type_has_its_gathering_function_tables_and_examples(type: str, spec: EvidenceType) -> None:
    function = f"function {spec.gathered_by} in libs/evidence/facts.py"
    assert hasattr(facts, spec.gathered_by), f"{type} has no {function}"
    unread = set(spec.tables) - set(get_job("explanation.evidence").reads)
    assert not unread, f"{type}: explanation.evidence does not read {unread} (jobs/catalog.py)"
    examples = {label: slots for (name, label), slots in SLOTS.items() if name == type}
    said = {slots[spec.variant] if spec.variant else "" for slots in examples.values()}
    assert said == set(spec.variants), f"{type} has no example of each variant in tests/libs/explain/facts.py"
    unworded = [label for label in examples if (type, label) not in FIRST_WORDINGS]
    assert not unworded, f"{type}: examples {unworded} have no first wording in tests/libs/explain/facts.py"


@pytest.mark.usefixtures("weather")
def test_a_type_without_gathering_is_named() -> None:
    with pytest.raises(ValueError, match=r"weather by libs\.evidence\.facts\.weather"):
        refuse_missing([])


@pytest.mark.usefixtures("weather")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_type_without_wordings_is_named_in_each_language(language: str) -> None:
    text = read_templates(ROOT / "conf" / "languages")[language]
    with pytest.raises(OperatorError, match=rf"{language}\.yaml: wordings\.weather: missing"):
        compile_templates(text, f"{language}.yaml", language)


@pytest.mark.usefixtures("weather")
def test_a_type_or_variant_that_no_phrase_claims_is_named() -> None:
    rest = claim("x", *EVIDENCE_TYPES.keys() - {"weather"}, *_variants())
    with pytest.raises(ValueError, match=r"no phrase claims the evidence types weather:rain, weather:sun"):
        read(rest, unit("people", "people"))  # "people" are said by other types too
    with pytest.raises(ValueError, match=r"no phrase claims the evidence types weather:sun"):
        read(rest, claim("rainy", "weather:rain"))
    read(rest, claim("rainy", "weather:rain"), claim("sunny", "weather:sun"))


def test_a_phrase_about_no_evidence_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"phrase 'rainy': no evidence type weather"):
        read(claim("rainy", "weather"))


def read(*phrases: tuple[str, Item]) -> Lexicon:
    return tied(lexicon(r"\w+", "“", lambda text: None, phrases))


def _variants() -> list[str]:
    return [
        f"{type}:{variant}"
        for type, spec in EVIDENCE_TYPES.items()
        for variant in spec.variants
        if spec.variant and type != "weather"
    ]
