"""How a column writes its numbers, as a Spark SQL expression."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from libs.draft.column import Column
from libs.draft.names import words

_CURRENCIES = {"£": "GBP", "€": "EUR", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "zł": "PLN", "R$": "BRL",
               "$": "USD", "¥": "CNY", "￥": "CNY", "元": "CNY", "円": "JPY"}  # fmt: skip
_CODES = frozenset(
    words("""USD EUR GBP CNY JPY INR RUB KRW TRY PLN BRL CAD AUD CHF SEK NOK DKK CZK HUF MXN ZAR SGD HKD TWD NZD
    THB IDR VND""")
)
_POINT = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[. ]\d{3})+|\d+)(?:,\d+)?")
_FRAME = re.compile(r"[^\d.,+\- ]+")
_SIGNED = re.compile("|".join(re.escape(sign) for sign in sorted(_CURRENCIES, key=len, reverse=True)))


@dataclass(frozen=True)
class Number:
    """An expression that gives the number; `why` is empty where the column is one as it stands."""

    sql: str
    why: str = ""
    values: list[float] = field(default_factory=list)
    readable: float = 1.0


def number_of(column: Column) -> Number | None:
    """How to read the column's values as numbers; None if most are none."""
    if not column.scalar or not column.texts or column.type in ("date", "timestamp"):
        return None
    if column.numbers:
        return Number(column.sql, values=column.numbers)
    bare = [_FRAME.sub("", text).strip() for text in column.texts]
    framed = any(_FRAME.search(text) for text in column.texts)
    points, commas = ([text for text in bare if form.fullmatch(text)] for form in (_POINT, _COMMA))
    if max(len(points), len(commas)) < 0.6 * len(bare) or column.length > 24:
        return None
    comma = _decimal_comma(bare, len(points), len(commas))
    written = commas if comma else points
    values = [float(_plain(text, comma)) for text in written]
    grouped = any(("." in text or " " in text) if comma else "," in text for text in written)
    sql, whys = column.sql, []
    if framed:
        sign = r"[^0-9,\\-]" if comma else r"[^0-9.\\-]"
        sql, grouped = f"regexp_replace({sql}, '{sign}', '')", False
        whys.append("signs beside the number")
    if grouped:
        parts = {"." if "." in text else " " for text in written if "." in text or " " in text} if comma else {","}
        for part in sorted(parts):
            sql = f"replace({sql}, '{part}', '')"
        whys.append("thousands are parted")
    if comma:
        sql = f"replace({sql}, ',', '.')"
        whys.append("a decimal comma")
    return Number(sql, ", ".join(whys), values, len(written) / len(bare))


def currency_of(columns: list[Column]) -> tuple[str, str] | None:
    """(ISO code, why) by signs beside numbers, a column of codes, or a column's name."""
    for column in columns:
        if column.type == "text" and column.distinct and column.distinct <= _CODES:
            code, _ = Counter(column.texts).most_common(1)[0]
            others = f"; others: {', '.join(sorted(column.distinct - {code}))}" if len(column.distinct) > 1 else ""
            return code, f"the column {column.name} says so{others}"
    for column in columns:
        if column.type == "text" and not column.numbers and column.length < 20:
            signs = Counter(sign for text in column.texts if re.search(r"\d", text) for sign in _SIGNED.findall(text))
            if signs and sum(signs.values()) > 0.5 * len(column.texts):
                sign, _ = signs.most_common(1)[0]
                return _CURRENCIES[sign], f"the sign {sign} in {column.name}"
    for column in columns:
        for word in re.split(r"[^A-Za-z]+", column.name):
            if word.upper() in _CODES and len(column.name) > len(word):
                return word.upper(), f"the name of the column {column.name}"
    return None


def _decimal_comma(texts: list[str], points: int, commas: int) -> bool:
    if points != commas:
        return commas > points
    # "1,234" may be either: a comma with one or two digits behind it, or one that follows a point, is a decimal one.
    return any(re.search(r",\d{1,2}$", text) or re.search(r"\..*,", text) for text in texts)


def _plain(text: str, comma: bool) -> str:
    return text.replace(".", "").replace(" ", "").replace(",", ".") if comma else text.replace(",", "").replace(" ", "")
