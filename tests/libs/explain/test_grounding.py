"""What the check refuses, each with its reason, and its independence of the writer."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from libs.errors import OperatorError
from libs.explain.grounding import check
from libs.languages.pack import languages
from tests.libs.explain.facts import example

NEXT = example("bought_next", "review")  # 12 people, “Pet Sounds”
TREND = example("trend", "week")  # 31 people, 7 days, review
RATING = example("rating_praise", role="information", contribution=0.0)  # 4.6 by 23
DROP = example("price_drop", "yen")
USUAL = example("price_below_usual")
BRAND = example("similar_product", "brand")  # “Jazz Samba”, “Mercury”
TASTE = example("taste_brand", "some")
RHYTHM = example("own_rhythm", "often")
FRIENDS = example("friends")


def reasons(sentence, *facts, language="en", title="Tails", min_people=5):
    verdict = check(sentence, language, title, facts, min_people)
    assert verdict.grounded == (not verdict.reasons)
    return verdict.reasons


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("Twelve people who reviewed “Pet Sounds” went on to review this.", [NEXT]),
        ("You reviewed “Pet Sounds”, and 12 people who did so reviewed this next.", [NEXT]),
        ("After “Pet Sounds”, 12 other shoppers reviewed it.", [NEXT]),
        ("“Tails” is rated 4.6 out of 5 on average by 23 reviewers.", [RATING]),
        ("You have bought it three times, once every 14 days, the last time 15 days ago.", [RHYTHM]),
        ("Six of your friends bought this.", [FRIENDS]),
        ("3 of the 8 items you reviewed are from “Rykodisc”.", [TASTE]),
    ],
)
def test_other_ways_to_say_the_same_are_grounded(sentence, facts):
    assert reasons(sentence, *facts) == ()


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("有十二位顾客在“Pet Sounds”之后评价了它。", [NEXT]),
        ("《Pet Sounds》之后，有12人接着评价了它。", [NEXT]),
        ("你买过它三次，大约每两周一次，上次是15天前。", [RHYTHM]),
        ("有六位朋友买了这款商品。", [FRIENDS]),
        ("你评价过的八件商品里有三件来自“Rykodisc”。", [TASTE]),
    ],
)
def test_chinese_numerals_are_read(sentence, facts):
    assert reasons(sentence, *facts, language="zh") == ()


@pytest.mark.parametrize(
    ("sentence", "facts", "reason"),
    [
        ("13 people who reviewed “Pet Sounds” reviewed this next.", [NEXT], "number 13 has no evidence"),
        ("12 people who reviewed “Rain Dogs” reviewed this next.", [NEXT], "name “Rain Dogs” not in evidence"),
        (
            "12 people who bought “Pet Sounds” reviewed this next.",
            [NEXT],
            "action bought but evidence says review",
        ),
        ("12 friends who reviewed “Pet Sounds” reviewed this next.", [NEXT], "claim friends without a friends fact"),
        ("People who reviewed “Pet Sounds” reviewed this next.", [NEXT], "claim bought_next misses its people"),
        ("12 people reviewed this next.", [NEXT], "claim bought_next misses its name"),
        ("12 people who reviewed “Pet Sounds” reviewed this together.", [NEXT], "claim together without a bought"),
        ("It is rated 4.6 out of 5 on average.", [RATING], "claim rating_praise misses its reviews"),
        ("It is rated 23 out of 5 by 4.6 reviewers.", [RATING], "number 23 has no evidence"),
        ("It is rated 4.6 out of 10 by 23 reviewers.", [RATING], "number 4.6 has no evidence"),
        ("It is rated 4.6% on average by 23 reviewers.", [RATING], "word “%” has no evidence"),
        ("It is the best, rated 4.6 out of 5 by 23 reviewers.", [RATING], "unsupported claim “best”"),
        ("It is guaranteed to last.", [RATING], "unsupported claim “guaranteed”"),
        ("Everyone reviewed “Pet Sounds” before.", [NEXT], "unsupported claim “everyone”"),
        ("It has a free gift, and 31 people reviewed it in the last week.", [TREND], "unsupported claim “free”"),
        ("It cures colds, and 31 people reviewed it in the last week.", [TREND], "word “colds” has no evidence"),
        ("31 people reviewed it.", [TREND], "claim trend misses its window"),
        ("31 people reviewed it in the last month.", [TREND], "number month has no evidence"),
        ("Its price has dropped from JP¥900 to JP¥1,200.", [DROP], "number 900 has no evidence"),
        ("Its price has dropped from €1,200 to €900.", [DROP], "number 1,200 has no evidence"),
        ("At $14.63, it costs less than the $9.49 you usually pay.", [USUAL], "number 14.63 has no evidence"),
        ("It is from “Jazz Samba”, like “Mercury”, which you reviewed.", [BRAND], "name “Jazz Samba” not in"),
        ("It is in “Mercury”, like “Jazz Samba”, which you reviewed.", [BRAND], "claim is in without a"),
        ("Eight of the three items you reviewed are from “Rykodisc”.", [TASTE], "number eight has no evidence"),
        ("Three of the eight people you reviewed are from “Rykodisc”.", [TASTE], "claim people without a"),
        ("You have bought it every 15 days, the last time 14 days ago.", [RHYTHM], "number 15 has no evidence"),
        ("You have bought it three weeks.", [RHYTHM], "number three has no evidence"),
        ("You might like this.", [RHYTHM], "cited fact own_rhythm"),
        ("12 people who reviewed “Pet Sounds” reviewed this next.", [NEXT, RATING], "cited fact rating_praise"),
        ("We picked this because it is rated 4.6 out of 5 by 23 reviewers.", [RATING], "no single fact agrees"),
        ("12 people who reviewed “Tails” reviewed this next.", [NEXT], "name “Tails” not in evidence"),
        ("12 <b>people</b> who reviewed “Pet Sounds” reviewed this next.", [NEXT], "markup in sentence"),
        ("12 people &lt; “Pet Sounds”.", [NEXT], "markup in sentence"),
        ("See www.example.com", [NEXT], "link in sentence"),
        ("12 people who reviewed “Pet Sounds” reviewed this next at shop.com.", [NEXT], "link in sentence"),
        ("12 people who reviewed “Evil.com, visit now” reviewed this next.", [NEXT], "link in sentence"),
        ("12 people who reviewed “Evil.com/x” reviewed this next.", [NEXT], "link in sentence"),
        ("12 people who reviewed “Pets from Evil.com” reviewed this next.", [NEXT], "link in sentence"),
        ("12 people who reviewed “Pet Sounds” Evil.com reviewed this next.", [NEXT], "link in sentence"),
        ("12 people who reviewed “Evil.com Pets” reviewed this next.", [NEXT], "name “Evil.com Pets” not in evidence"),
        ("12 peo\u200dple who reviewed “Pet Sounds” reviewed this next.", [NEXT], "invisible character in sentence"),
        ("12 people\u202e who reviewed “Pet Sounds” reviewed this next.", [NEXT], "invisible character in sentence"),
        ("", [NEXT], "cited fact bought_next"),
        ("You reviewed “Pet Sounds.", [NEXT], "has no evidence"),
    ],
)
def test_what_the_evidence_does_not_say_is_refused_with_its_reason(sentence, facts, reason):
    found = reasons(sentence, *facts)
    assert any(reason in text for text in found), found


@pytest.mark.parametrize(
    ("sentence", "facts", "reason"),
    [
        ("有13位顾客在“Pet Sounds”之后评价了它。", [NEXT], "number 13 has no evidence"),
        ("有十三位顾客在“Pet Sounds”之后评价了它。", [NEXT], "number 十三 has no evidence"),
        ("有12位顾客在“Rain Dogs”之后评价了它。", [NEXT], "name “Rain Dogs” not in evidence"),
        ("有12位顾客在“Pet Sounds”之后买了它。", [NEXT], "action 买了 but evidence says review"),
        ("有12位好友在“Pet Sounds”之后评价了它。", [NEXT], "claim 位好友 without a friends fact"),
        ("它是最好的，23位评价者平均给了它4.6分（满分5分）。", [RATING], "unsupported claim “最好”"),
        ("你会喜欢它，23位评价者平均给了它4.6分（满分5分）。", [RATING], "unsupported claim “喜欢”"),
        ("它送赠品，23位评价者平均给了它4.6分（满分5分）。", [RATING], "word “送” has no evidence"),
        ("23位评价者平均给了它4.6分（满分10分）。", [RATING], "has no evidence"),
        ("它的价格从900日元降到了1,200日元。", [DROP], "number 900 has no evidence"),
        ("它的价格从1,200元降到了900元。", [DROP], "number 1,200 has no evidence"),
        ("你评价过的3件商品里有8件来自“Rykodisc”。", [TASTE], "number 3 has no evidence"),
        ("你买过它3次，大约每2天一次，上一次是15天前。", [RHYTHM], "number 2 has no evidence"),
    ],
)
def test_what_the_evidence_does_not_say_is_refused_in_chinese(sentence, facts, reason):
    found = reasons(sentence, *facts, language="zh")
    assert any(reason in text for text in found), found


def test_true_numbers_beside_each_others_claims_are_refused():
    honest = "12 people who reviewed “Pet Sounds” reviewed this next. 31 people reviewed it in the last week."
    swapped = "31 people who reviewed “Pet Sounds” reviewed this next. 12 people reviewed it in the last week."
    assert reasons(honest, NEXT, TREND) == ()
    assert len(reasons(swapped, NEXT, TREND)) == 2


def test_no_facts_and_too_few_people_are_refused_whatever_the_sentence():
    assert reasons("You might like this.") == ("no fact cited",)
    few = example("bought_next", "review", support="3")
    assert reasons("Three people who reviewed “Pet Sounds” reviewed this next.", few) == (
        "support 3 below min_people=5",
    )
    assert reasons("Three people who reviewed “Pet Sounds” reviewed this next.", few, min_people=3) == ()


def test_a_price_that_is_not_lower_is_refused():
    wrong = example("price_drop", "yen", price="1300")
    assert reasons("Its price has dropped from JP¥1,200 to JP¥1,300.", wrong) == (
        "price_drop: price is not below before",
    )


def test_a_malformed_fact_is_a_reason_not_a_crash():
    odd = NEXT._replace(slots={"anchor": "Pet Sounds"})
    assert reasons("12 people who reviewed “Pet Sounds” reviewed this next.", odd) == (
        "bought_next: slot 'support' is missing",
    )


def test_an_unknown_language_is_an_error():
    with pytest.raises(OperatorError, match=r"no language 'es': there are .*en.*, zh"):
        check("Hola", "es", "Tails", [NEXT], 5)


def test_the_check_imports_neither_writer_nor_templates():
    seen, queue = set(), ["libs.explain.grounding", *(f"libs.languages.{language}" for language in languages())]
    while queue:
        module = queue.pop()
        seen.add(module)
        tree = ast.parse(Path(find_spec(module).origin).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("libs."):
                queue += [name for name in [node.module] if name not in seen]
    packs = {name for name in seen if name.startswith("libs.languages.")}
    read = {f"libs.explain.{module}" for module in ("declaration", "evidence_types", "names", "reading", "vocabulary")}
    assert seen - packs == {"libs.explain.grounding", "libs.errors", "libs.text.words", *read}
