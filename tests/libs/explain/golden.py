"""What is published, word for word: tests/data/sentences/<language>.txt.

After a wanted change of wordings: `python -m tests.libs.explain.golden`, and read the diff.
"""

from __future__ import annotations

from collections.abc import Iterator

from libs.explain.evidence_types import ACTIONS, Fact
from tests.libs.explain.facts import ROOT, SLOTS, WRITER, example, fact, recommend

FOLDER = ROOT / "tests" / "data" / "sentences"
ROLES = ("reason", "information")
# Each number alone in its type: (type, label, slot, values).
NUMBERS = [
    ("trend", "weeks", "count", [*range(5, 14), 100, 999, 1000, 1234567, 123456789012]),
    (
        "trend",
        "weeks",
        "days",
        [*range(1, 9), 13, 14, 28, 30, 49, *range(55, 63), 90, 91, 92, 106, 183, 364, 365, 366, 730],
    ),
    ("own_rhythm", "often", "count", [*range(1, 14), 1000]),
    ("own_rhythm", "often", "every_days", [1, 2, 6, 7, 8, 14, 30, 49, 55, 56, 61, 70, 91, 100, 365, 1000]),
    ("own_rhythm", "often", "since_days", [1, 2, 6, 7, 8, 14, 30, 49, 55, 56, 61, 70, 91, 100, 365, 1000]),
    ("rank_in_category", "", "rank", [*range(1, 25), 99, 100, 101, 102, 103, 111, 112, 113, 121, 1001]),
    ("rating_praise", "", "mean", ["5", "5.0", "4.0", "4.25", "4.6667", "0.5", "3.10"]),
    ("taste_brand", "some", "count", [1, 2, 7, 8]),
    ("taste_brand", "some", "total", [3, 4, 9, 10, 11, 1234]),
    ("aspect_praise", "some", "praising", [9, 17, 18]),
    ("friends", "", "count", [5, 9, 10, 12, 13]),
]
AMOUNTS = [("0.5", "0.75"), ("9.49", "10"), ("999.9900", "1000.00"), ("1234.5", "1234567.89")]
CURRENCIES = ["USD", "GBP", "EUR", "CNY", "JPY", "CHF", "SEK", "AUD", "KRW"]


def cases() -> Iterator[tuple[list[Fact], int]]:
    """Facts to cite together, and how many choices of wording to write."""
    for (type, _), slots in SLOTS.items():
        for role in ROLES:
            yield [fact(type, slots, role)], 20
            if "action" in slots:
                for action in ACTIONS:
                    yield [fact(type, slots | {"action": action}, role)], 3
        main = example("friends", contribution=2.0) if type == "own_history" else example("own_history", "review")
        yield [main, fact(type, slots, "information", 0.5)], 6
    for type, label, slot, values in NUMBERS:
        for value in values:
            for role in ROLES:
                yield [example(type, label, role, **{slot: str(value)})], 2
    for code in CURRENCIES:
        for low, high in AMOUNTS:
            yield [example("price_below_usual", price=low, usual=high, currency=code)], 2
            yield [example("price_drop", "yen", "information", price=low, before=high, currency=code)], 2
    three = [example("bought_next", "review", contribution=0.9), example("taste_brand", "some", contribution=0.4)]
    yield [*three, example("rating_praise", role="information", contribution=0.0)], 40
    yield [*three, example("friends", contribution=0.2)], 40
    yield [example("taste_category", "all", value=name) for name in ["Electronic"]], 10
    for name in ["Electronic", "Hour", "House", "U2", "8-Track", "LP", "CD", "爵士"]:
        yield [example("friends"), example("taste_category", "all", "information", 0.1, value=name)], 6


def sentences(language: str) -> list[str]:
    """Every sentence once, in the order of the cases."""
    return list(
        dict.fromkeys(
            WRITER.compose(recommend(*facts), language, choice).sentence
            for facts, choices in cases()
            for choice in range(choices)
        )
    )


def main() -> None:
    for language in WRITER.templates:
        (FOLDER / f"{language}.txt").write_text("\n".join(sentences(language)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
