"""A valid fact of every type and variant, and shorthands to make facts; writers in every language, German included."""

from pathlib import Path

import libs.languages
from libs.explain.evidence_types import Fact, check_fact
from libs.explain.templates import read_templates
from libs.explain.writer import Recommendation, TemplateWriter

ROOT = Path(__file__).resolve().parents[3]
GERMAN = ROOT / "tests" / "data" / "languages"  # a pack and its conf that only tests see
libs.languages.__path__.append(str(GERMAN))
WRITER = TemplateWriter(read_templates(ROOT / "conf" / "languages") | read_templates(GERMAN))
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
    ("taste_price_band", "mid"): {"value": "mid", "count": "11", "total": "18", "action": "purchase"},
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


def fact(type: str, slots: dict[str, str], role: str = "reason", contribution: float = 1.0, support: int = 40) -> Fact:
    return check_fact(Fact(f"{type} {sorted(slots.items())}", type, slots, support, contribution, role))


def example(type: str, label: str = "", role: str = "reason", contribution: float = 1.0, **slots: str) -> Fact:
    """The table's fact, with the slots that matter overridden."""
    return fact(type, SLOTS[type, label] | slots, role, contribution)


def recommend(*facts: Fact, title: str = "Tails", user: str = "u1", product: str = "p1") -> Recommendation:
    return Recommendation(user, product, title, facts)


def every_sentence(rec: Recommendation, language: str) -> set[str]:
    """All sentences that the templates can make of these facts: enough choices for every mixed-radix digit."""
    return {WRITER.compose(rec, language, choice).sentence for choice in range(5 * 4 * 4)}
