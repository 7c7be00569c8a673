"""Whatever is changed in a grounded sentence, the check notices."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from libs.languages.pack import pack
from tests.libs.explain.facts import LANGUAGES, SLOTS, WRITER, check, fact, recommend, select_facts
from tests.libs.explain.mutations import MUTATIONS


@st.composite
def drafts(draw):
    """A grounded sentence of one to three facts, its language and its recommendation."""
    keys = draw(st.lists(st.sampled_from(sorted(SLOTS)), min_size=1, max_size=3, unique_by=lambda key: key[0]))
    facts = [
        fact(
            key[0], SLOTS[key], draw(st.sampled_from(["reason", "information"])), draw(st.sampled_from([0.2, 0.5, 0.9]))
        )
        for key in keys
    ]
    language = draw(st.sampled_from(LANGUAGES))
    rec = recommend(*facts)
    assume(len(select_facts(facts)) == len(facts))
    draft = WRITER.compose(rec, language, draw(st.integers(0, 10**6)))
    assert check(draft.sentence, language, rec.title, draft.facts).reasons == ()
    return draft


def names_of(draft):
    """Matches of names with their quotation marks."""
    opening, closing = pack(draft.language).quotes
    return list(re.finditer(f"{opening}[^{opening}{closing}]*{closing}", draft.sentence))


def outside_names(pattern, draft):
    """Matches that no quoted name covers."""
    names = [match.span() for match in names_of(draft)]
    return [m for m in pattern.finditer(draft.sentence) if not any(a <= m.start() < b for a, b in names)]


def refused(sentence, draft):
    return not check(sentence, draft.language, "Tails", draft.facts).grounded


def put(sentence, match, text):
    return sentence[: match.start()] + text + sentence[match.end() :]


@settings(deadline=None)
@given(drafts(), st.data())
def test_a_changed_number(draft, data):
    own = MUTATIONS[draft.language]
    numbers = outside_names(own.numbers, draft)
    assume(numbers)
    match = data.draw(st.sampled_from(numbers))
    old = match.group()
    if old in own.times:
        new = data.draw(st.sampled_from([word for word in own.times if word != old]))
    elif old[0].isalpha():
        others = [word for same in own.words if old not in same.split("|") for word in same.split("|")]
        new = data.draw(st.sampled_from([*others, "13", "40"]))
    else:
        value = float(old.replace("," if own.point == "." else ".", "").replace(own.point, "."))
        changed = value + data.draw(st.sampled_from([-2, -1, -0.5, 0.1, 1, 2, 7, 10, 90, 1000]))
        new = f"{changed:g}".replace(".", own.point)
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_a_swapped_name(draft, data):
    names = names_of(draft)
    assume(names)
    match = data.draw(st.sampled_from(names))
    opening, closing = pack(draft.language).quotes
    others = [m.group()[1:-1] for m in names if m.group() != match.group()]
    name = data.draw(st.sampled_from(["Thriller", "tails 2", "", *others]))
    assume(name != "Tails" or len(names) == 1)
    new = opening + name + closing
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_two_names_exchanged(draft, data):
    names = names_of(draft)
    assume(len(names) > 1)
    first, second = sorted(
        data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)), key=lambda m: m.start()
    )
    assume(first.group() != second.group())
    sentence = put(put(draft.sentence, second, first.group()), first, second.group())
    assert refused(sentence, draft), sentence


@settings(deadline=None)
@given(drafts(), st.data())
def test_another_action(draft, data):
    own = MUTATIONS[draft.language]
    verbs = outside_names(own.verbs, draft)
    assume(verbs)
    match = data.draw(st.sampled_from(verbs))
    old = own.same_verbs.get(match.group(), match.group())
    new = data.draw(st.sampled_from([verb for verb in own.other_verbs if verb != old]))
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_an_unsupported_clause(draft, data):
    own, cited = MUTATIONS[draft.language], {fact.type for fact in draft.facts}
    _, clause = data.draw(st.sampled_from([c for c in own.clauses if c[0] not in cited]))
    join = data.draw(st.sampled_from(own.joins))
    sentence = draft.sentence.removesuffix(own.stop) + join + clause + own.stop
    assert refused(sentence, draft), sentence
    assert refused(clause + join + draft.sentence, draft), clause


@settings(deadline=None)
@given(drafts(), st.data())
def test_a_fact_cited_that_is_not_stated(draft, data):
    cited = {fact.type for fact in draft.facts}
    key = data.draw(st.sampled_from([key for key in sorted(SLOTS) if key[0] not in cited]))
    verdict = check(draft.sentence, draft.language, "Tails", [*draft.facts, fact(key[0], SLOTS[key])])
    assert not verdict.grounded


@settings(deadline=None)
@given(drafts())
def test_information_is_never_a_reason(draft):
    stripped = [fact._replace(role="information") for fact in draft.facts]
    because = MUTATIONS[draft.language].because
    assert not check(because + draft.sentence, draft.language, "Tails", stripped).grounded


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_facts_of_one_type_keep_their_own_numbers(language):
    first = fact("bought_next", {"anchor": "Cars", "support": "13"}, contribution=0.9)
    second = fact("bought_next", {"anchor": "Homework", "support": "31"}, contribution=0.5)
    for choice in range(100):
        draft = WRITER.compose(recommend(first, second), language, choice)
        assert len(draft.facts) == 2
        assert not refused(draft.sentence, draft)
        exchanged = draft.sentence.replace("13", "_").replace("31", "13").replace("_", "31")
        assert refused(exchanged, draft), exchanged
