"""A valid fact of every type and variant with its sentences, and shorthands to make facts; German included."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import libs.languages
from libs.explain import contributions, grounding
from libs.explain.evidence_types import Fact, check_fact
from libs.explain.templates import read_templates
from libs.explain.writer import Recommendation, TemplateWriter

ROOT = Path(__file__).resolve().parents[3]
MIN_PEOPLE = 5
GERMAN = ROOT / "tests" / "data" / "languages"  # a pack and its conf that only tests see
libs.languages.__path__.append(str(GERMAN))
WRITER = TemplateWriter(read_templates(ROOT / "conf" / "languages") | read_templates(GERMAN), min_people=MIN_PEOPLE)
LANGUAGES = sorted(WRITER.templates)

# (type, label) -> slots. Labels only tell cases of one type apart.
SLOTS = {
    ("bought_next", "review"): {"anchor": "Pet Sounds", "support": "12", "action": "review"},
    ("bought_next", "neutral"): {"anchor": "Pet Sounds", "support": "5"},
    ("bought_together", "purchase"): {"anchor": "Cars", "support": "7", "action": "purchase"},
    ("similar_product", "brand"): {
        "anchor": "Jazz Samba",
        "shared": "Mercury",
        "dimension": "brand",
        "action": "review",
    },
    ("similar_product", "category"): {
        "anchor": "Homework",
        "shared": "Funk",
        "dimension": "category",
        "action": "play",
    },
    ("similar_product", "text"): {"anchor": "Suddenly", "dimension": "text", "action": "view"},
    ("own_history", "review"): {"anchor": "Rain Dogs", "action": "review"},
    ("taste_brand", "some"): {"value": "Rykodisc", "count": "3", "total": "8", "action": "review"},
    ("taste_category", "all"): {"value": "Electronic", "count": "3", "total": "3", "action": "purchase"},
    ("taste_category", "single"): {"value": "Blues", "count": "1", "total": "1", "action": "purchase"},
    ("taste_price_band", "low"): {"value": "low", "count": "1", "total": "8", "action": "purchase"},
    ("taste_price_band", "middle"): {"value": "middle", "count": "11", "total": "18", "action": "purchase"},
    ("taste_price_band", "high"): {"value": "high", "count": "4", "total": "4", "action": "purchase"},
    ("own_rhythm", "often"): {"count": "3", "every_days": "14", "since_days": "15", "action": "purchase"},
    ("own_rhythm", "once"): {"count": "1", "since_days": "1", "action": "purchase"},
    ("own_rhythm", "months"): {"count": "2", "every_days": "7", "since_days": "91", "action": "purchase"},
    ("rating_praise", ""): {"mean": "4.6", "count": "23"},
    ("aspect_praise", "some"): {"aspect": "sound", "praising": "14", "mentioning": "18"},
    ("aspect_praise", "all"): {"aspect": "voice", "praising": "8", "mentioning": "8"},
    ("friends", ""): {"count": "6", "action": "purchase"},
    ("trend", "weeks"): {"count": "1204", "days": "28", "action": "purchase"},
    ("trend", "week"): {"count": "31", "days": "7", "action": "review"},
    ("rank_in_category", ""): {"rank": "3", "category": "Soul", "days": "30"},
    ("price_below_usual", ""): {"price": "9.49", "usual": "14.63", "currency": "USD"},
    ("price_drop", "francs"): {"price": "9.00", "before": "1234.5", "currency": "CHF"},
    ("price_drop", "yen"): {"price": "900", "before": "1200", "currency": "JPY"},
    ("segment", ""): {"segment": "Loyal jazz listeners", "count": "57", "action": "purchase"},
}

# How each reads in English, Chinese and German: the first wording in the first frame.
FIRST_WORDINGS = {
    ("bought_next", "review"): (
        "12 people who reviewed “Pet Sounds” went on to review this.",
        "和你一样评价过“Pet Sounds”的顾客中，有12位接着评价了这件商品。",
        "Zwölf Personen, die „Pet Sounds“ bewertet haben, haben danach auch diesen Artikel bewertet.",
    ),
    ("bought_next", "neutral"): (
        "Five people who chose “Pet Sounds” went on to choose this.",
        "和你一样选过“Pet Sounds”的顾客中，有5位接着选了这件商品。",
        "Fünf Personen, die „Pet Sounds“ gewählt haben, haben danach auch diesen Artikel gewählt.",
    ),
    ("bought_together", "purchase"): (
        "Seven people bought this together with “Cars”.",
        "有7位顾客把它和“Cars”一起买了。",
        "Sieben Personen haben diesen Artikel zusammen mit „Cars“ gekauft.",
    ),
    ("similar_product", "brand"): (
        "It is from “Mercury”, like “Jazz Samba”, which you reviewed.",
        "它和你评价过的“Jazz Samba”一样，都来自“Mercury”。",
        "Er ist von „Mercury“, genau wie „Jazz Samba“, das du bewertet hast.",
    ),
    ("similar_product", "category"): (
        "It is in “Funk”, like “Homework”, which you played.",
        "它和你播放过的“Homework”一样，都属于“Funk”这一类。",
        "Er gehört zu „Funk“, genau wie „Homework“, das du gehört hast.",
    ),
    ("similar_product", "text"): (
        "It is described much like “Suddenly”, which you viewed.",
        "它的介绍和你浏览过的“Suddenly”很相近。",
        "Seine Beschreibung ähnelt der von „Suddenly“, das du betrachtet hast.",
    ),
    ("own_history", "review"): (
        "“Rain Dogs”, which you reviewed, points to this.",
        "你评价过的“Rain Dogs”让我们想到了它。",
        "„Rain Dogs“, das du bewertet hast, hat uns auf diesen Artikel gebracht.",
    ),
    ("taste_brand", "some"): (
        "Three of the eight items you reviewed are from “Rykodisc”, and so is this.",
        "你评价过的8件商品里有3件来自“Rykodisc”，它也是。",
        "Drei der acht Artikel, die du bewertet hast, sind von „Rykodisc“, und dieser Artikel ist es auch.",
    ),
    ("taste_category", "all"): (
        "All three items you bought are in “Electronic”, and so is this.",
        "你买过的3件商品都属于“Electronic”，它也是。",
        "Alle drei Artikel, die du gekauft hast, gehören zu „Electronic“, und dieser Artikel auch.",
    ),
    ("taste_category", "single"): (
        "The one item you bought is in “Blues”, and so is this.",
        "你买过的那1件商品属于“Blues”，它也是。",
        "Der eine Artikel, den du gekauft hast, gehört zu „Blues“, und dieser Artikel auch.",
    ),
    ("taste_price_band", "low"): (
        "One of the eight items you bought is on the lower-priced side, and so is this.",
        "你买过的8件商品里有1件价位偏低，它也是。",
        "Einer der acht Artikel, die du gekauft hast, gehört zu den günstigeren, und dieser Artikel auch.",
    ),
    ("taste_price_band", "middle"): (
        "11 of the 18 items you bought are mid-priced, and so is this.",
        "你买过的18件商品里有11件价位适中，它也是。",
        "Elf der 18 Artikel, die du gekauft hast, liegen preislich in der Mitte, und dieser Artikel auch.",
    ),
    ("taste_price_band", "high"): (
        "All four items you bought are on the higher-priced side, and so is this.",
        "你买过的4件商品都价位偏高，它也是。",
        "Alle vier Artikel, die du gekauft hast, gehören zu den teureren, und dieser Artikel auch.",
    ),
    ("own_rhythm", "often"): (
        "You have bought it three times, about every two weeks, and the last time was 15 days ago.",
        "你已经买过它3次，大约每2周一次，上一次是15天前。",
        "Du hast ihn dreimal gekauft, etwa alle zwei Wochen, zuletzt vor 15 Tagen.",
    ),
    ("own_rhythm", "once"): (
        "You have bought it once, the last time yesterday.",
        "你买过它1次，上一次是昨天。",
        "Du hast ihn einmal gekauft, zuletzt gestern.",
    ),
    ("own_rhythm", "months"): (
        "You have bought it twice, about every week, and the last time was about three months ago.",
        "你已经买过它2次，大约每周一次，上一次是大约3个月前。",
        "Du hast ihn zweimal gekauft, etwa jede Woche, zuletzt vor etwa drei Monaten.",
    ),
    ("rating_praise", ""): (
        "23 reviews gave it 4.6 out of 5 on average.",
        "23条评价平均给了它4.6分（满分5分）。",
        "23 Bewertungen geben ihm im Schnitt 4,6 von 5 Sternen.",
    ),
    ("aspect_praise", "some"): (
        "14 of the 18 reviews mentioning its “sound” praise it.",
        "提到“sound”的18条评价里有14条给了好评。",
        "14 der 18 Bewertungen zum Thema „sound“ loben ihn dafür.",
    ),
    ("aspect_praise", "all"): (
        "All eight reviews mentioning its “voice” praise it.",
        "提到“voice”的8条评价都给了好评。",
        "Alle acht Bewertungen zum Thema „voice“ loben ihn dafür.",
    ),
    ("friends", ""): (
        "Six friends of yours bought it.",
        "你的6位好友买了它。",
        "Sechs deiner Freunde haben ihn gekauft.",
    ),
    ("trend", "weeks"): (
        "1,204 people bought it in the last four weeks.",
        "最近4周有1,204位顾客买了它。",
        "1.204 Personen haben ihn in den letzten vier Wochen gekauft.",
    ),
    ("trend", "week"): (
        "31 people reviewed it in the last week.",
        "最近1周有31位顾客评价了它。",
        "31 Personen haben ihn in der letzten Woche bewertet.",
    ),
    ("rank_in_category", ""): (
        "It ranks third in “Soul” over the last 30 days.",
        "最近30天，它在“Soul”中排名第3。",
        "In den letzten 30 Tagen stand er in „Soul“ auf Platz 3.",
    ),
    ("price_below_usual", ""): (
        "At $9.49, it costs less than the $14.63 you usually pay.",
        "它现在卖9.49美元，低于你平时的14.63美元。",
        "Mit 9,49 $ kostet er weniger als die 14,63 $, die du sonst zahlst.",
    ),
    ("price_drop", "francs"): (
        "Its price has dropped from CHF 1,234.50 to CHF 9.",
        "它的价格从CHF 1,234.50降到了CHF 9。",
        "Sein Preis ist von 1.234,50 CHF auf 9 CHF gefallen.",
    ),
    ("price_drop", "yen"): (
        "Its price has dropped from JP¥1,200 to JP¥900.",
        "它的价格从1,200日元降到了900日元。",
        "Sein Preis ist von 1.200 JPY auf 900 JPY gefallen.",
    ),
    ("segment", ""): (
        "57 people with tastes like yours, the “Loyal jazz listeners” group, bought this.",
        "和你同属“Loyal jazz listeners”群体的顾客中，有57位买了它。",
        "57 Personen aus deiner Gruppe, „Loyal jazz listeners“, haben diesen Artikel gekauft.",
    ),
}


def fact(type: str, slots: dict[str, str], role: str = "reason", contribution: float = 1.0, support: int = 40) -> Fact:
    return check_fact(Fact(f"{type} {sorted(slots.items())}", type, slots, support, contribution, role))


def example(type: str, label: str = "", role: str = "reason", contribution: float = 1.0, **slots: str) -> Fact:
    """The table's fact, with the slots that matter overridden."""
    return fact(type, SLOTS[type, label] | slots, role, contribution)


def recommend(*facts: Fact, title: str = "Tails", user: str = "u1", product: str = "p1") -> Recommendation:
    return Recommendation(user, product, title, facts)


def check(sentence: str, language: str, title: str, facts: Sequence[Fact]) -> grounding.Verdict:
    return grounding.check(sentence, language, title, facts, MIN_PEOPLE)


def select_facts(facts: Iterable[Fact], max_facts: int = 3, min_people: int = MIN_PEOPLE) -> list[Fact]:
    return contributions.select_facts(facts, max_facts, min_people)


def every_sentence(rec: Recommendation, language: str) -> set[str]:
    """All sentences that the templates can make of these facts: enough choices for every mixed-radix digit."""
    return {WRITER.compose(rec, language, choice).sentence for choice in range(5 * 4 * 4)}
