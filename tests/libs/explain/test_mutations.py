"""Whatever is changed in a grounded sentence, the check notices."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.libs.explain.facts import SLOTS, WRITER, check, fact, recommend, select_facts

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
NAMES = re.compile(r"“[^“”]*”")
NUMBERS = {
    "en": re.compile(r"\b(?:[0-9][0-9,]*(?:\.[0-9]+)?|" + "|".join(WORDS) + r"|once|twice|third)\b"),
    "zh": re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?"),
}
VERBS = {
    "en": re.compile(r"\b(?:bought|buy|reviewed|review(?= this| it)|played|viewed|chose|chosen)\b"),
    "zh": re.compile("买|评价(?=[过了“])|播放|浏览|选"),
}
OTHER_VERBS = {
    "en": ["bought", "reviewed", "played", "viewed", "chose", "returned", "loved"],
    "zh": ["买", "评价", "播放", "浏览", "选", "退", "爱"],
}
# (type that would have to be cited, clause); "" where nothing could support it.
CLAUSES = {
    "en": [
        ("", "it is the best"),
        ("", "it is guaranteed"),
        ("", "everyone bought it"),
        ("", "it comes with a gift"),
        ("", "it ships today"),
        ("", "you will love it"),
        ("", "it is not from here"),
        ("", "it cures headaches"),
        ("friends", "your friends bought it"),
        ("friends", "17 friends of yours bought it"),
        ("trend", "it is popular right now"),
        ("trend", "999 people bought it in the last 30 days"),
        ("rating_praise", "it is rated 4.9 out of 5 on average by 900 reviewers"),
        ("price_drop", "its price has dropped"),
        ("price_below_usual", "it costs less"),
        ("rank_in_category", "it ranks second"),
        ("segment", "people like you bought it"),
        ("aspect_praise", "reviewers praise its “bass”"),
        ("similar_product", "it is described much like “Thriller”"),
    ],
    "zh": [
        ("", "它是最好的"),
        ("", "保证正品"),
        ("", "人人都买了"),
        ("", "还送赠品"),
        ("", "今天发货"),
        ("", "你一定会喜欢"),
        ("", "能治头痛"),
        ("friends", "你的好友买了它"),
        ("friends", "你的17位好友买了它"),
        ("trend", "它近来很受欢迎"),
        ("trend", "最近30天有999位顾客买了它"),
        ("rating_praise", "900位评价者平均给了它4.9分（满分5分）"),
        ("price_drop", "它降价了"),
        ("price_below_usual", "它很便宜"),
        ("rank_in_category", "它排名第2"),
        ("aspect_praise", "它的“低音”受到好评"),
        ("similar_product", "它的介绍和“Thriller”很相近"),
    ],
}


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
    language = draw(st.sampled_from(["en", "zh"]))
    rec = recommend(*facts)
    assume(len(select_facts(facts)) == len(facts))
    draft = WRITER.compose(rec, language, draw(st.integers(0, 10**6)))
    assert check(draft.sentence, language, rec.title, draft.facts).reasons == ()
    return draft


def outside_names(pattern, sentence):
    """Matches that no quoted name covers."""
    names = [match.span() for match in NAMES.finditer(sentence)]
    return [m for m in pattern.finditer(sentence) if not any(a <= m.start() < b for a, b in names)]


def refused(sentence, draft):
    return not check(sentence, draft.language, "Tails", draft.facts).grounded


def put(sentence, match, text):
    return sentence[: match.start()] + text + sentence[match.end() :]


@settings(deadline=None)
@given(drafts(), st.data())
def test_a_changed_number(draft, data):
    numbers = outside_names(NUMBERS[draft.language], draft.sentence)
    assume(numbers)
    match = data.draw(st.sampled_from(numbers))
    old = match.group()
    if old in ("once", "twice", "third"):
        new = data.draw(st.sampled_from([word for word in ("once", "twice", "third", "fourth") if word != old]))
    elif old in WORDS:
        new = data.draw(st.sampled_from([word for word in [*WORDS, "12", "40"] if word != old]))
    else:
        value = float(old.replace(",", ""))
        new = f"{value + data.draw(st.sampled_from([-2, -1, -0.5, 0.1, 1, 2, 7, 10, 90, 1000])):g}"
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_a_swapped_name(draft, data):
    names = list(NAMES.finditer(draft.sentence))
    assume(names)
    match = data.draw(st.sampled_from(names))
    others = [m.group() for m in names if m.group() != match.group()]
    new = data.draw(st.sampled_from(["“Thriller”", "“tails 2”", "“”", *others]))
    assume(new != "“Tails”" or len(names) == 1)
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_two_names_exchanged(draft, data):
    names = list(NAMES.finditer(draft.sentence))
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
    verbs = outside_names(VERBS[draft.language], draft.sentence)
    assume(verbs)
    match = data.draw(st.sampled_from(verbs))
    old = {"buy": "bought", "review": "reviewed", "chosen": "chose"}.get(match.group(), match.group())
    new = data.draw(st.sampled_from([verb for verb in OTHER_VERBS[draft.language] if verb != old]))
    assert refused(put(draft.sentence, match, new), draft), (draft.sentence, match.span(), new)


@settings(deadline=None)
@given(drafts(), st.data())
def test_an_unsupported_clause(draft, data):
    cited = {fact.type for fact in draft.facts}
    _, clause = data.draw(st.sampled_from([c for c in CLAUSES[draft.language] if c[0] not in cited]))
    english = draft.language == "en"
    joins = [", and ", ". ", "; ", " and ", ", which is why "] if english else ["，并且", "。", "；", "，"]
    join = data.draw(st.sampled_from(joins))
    stop = "." if english else "。"
    sentence = draft.sentence.removesuffix(stop) + join + clause + stop
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
    because = "We picked this for you because " if draft.language == "en" else "推荐给你，是因为"
    assert not check(because + draft.sentence, draft.language, "Tails", stripped).grounded


@pytest.mark.parametrize("language", ["en", "zh"])
def test_two_facts_of_one_type_keep_their_own_numbers(language):
    first = fact("bought_next", {"anchor": "Cars", "support": "12"}, contribution=0.9)
    second = fact("bought_next", {"anchor": "Homework", "support": "31"}, contribution=0.5)
    for choice in range(100):
        draft = WRITER.compose(recommend(first, second), language, choice)
        assert len(draft.facts) == 2
        assert not refused(draft.sentence, draft)
        exchanged = draft.sentence.replace("12", "_").replace("31", "12").replace("_", "31")
        assert refused(exchanged, draft), exchanged
