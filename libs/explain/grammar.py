"""Small grammar that templates need: articles, ordinals, and which unit tells a length of time."""

from __future__ import annotations

import re

_DAYS_A_MONTH = 30.44
# Days at most between a month count and the days it stands for; a shorter gap is told in days or weeks.
_MONTH_SLACK, _MONTH_FROM = 4, 55


def a_or_an(name: str) -> str:
    """The English indefinite article for a name, by the sound it begins with."""
    word = re.match(r"[A-Za-z0-9]*", name.lstrip("‹‘'(“"))
    text = word.group() if word else ""
    low = text.lower()
    if low[:1].isdigit():
        return "an" if re.match(r"8|11(?:$|\D)|18(?:$|\D|\d\d$)|11\d\d$", low) else "a"
    if len(text) > 1 and text.isupper() and (len(text) <= 3 or not re.search(r"[AEIOUY]", text)):
        return "an" if text[0] in "AEFHILMNORSX" else "a"  # spelt out: an LP, a CD
    if re.match(r"(?:hour|honest|honou?r|heir)", low):
        return "an"
    if re.match(r"(?:uni(?!n|m)|us[ae]|eu|one(?![a-z])|once|ukulele|utopi|u(?![a-z]))", low):
        return "a"
    return "an" if low[:1] in tuple("aeiou") else "a"


def ordinal(n: int) -> str:
    """first ... ninth, then 10th, 11th, 21st, ..."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    if n <= len(words):
        return words[n - 1]
    suffix = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def duration_unit(days: int) -> tuple[str, int]:
    """Days as (unit, count): whole weeks up to eight, months from 55 days on where they are near, else days."""
    if days % 7 == 0 and days < _MONTH_FROM + 7:
        return "week", days // 7
    months = round(days / _DAYS_A_MONTH)
    if days >= _MONTH_FROM and abs(days - months * _DAYS_A_MONTH) <= _MONTH_SLACK:
        return "month", months
    return "day", days
