"""How a mapping mends a value that the contract refuses, told from what the value looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

from libs.logs import visible

_MAX_SHOWN = 40  # characters of a delivered value in a message

_Hint = str | Callable[[re.Match[str]], str]  # {sql} stands for the column's expression, {value} for the value


def _date(match: re.Match[str]) -> str:
    """Day before month unless the numbers or AM and PM say otherwise."""
    first, sign, second, year = match[1], match[2], match[3], "y" * len(match[4])
    month_first = int(second) > 12 or (match["half"] and int(first) <= 12)
    day = sign.join(("M", "d") if month_first else ("d", "M"))
    doubt = "" if max(int(first), int(second)) > 12 else ", or with d and M the other way round"
    return f"write to_timestamp({{sql}}, '{day}{sign}{year}{_clock(match)}') in columns.{{column}}{doubt}"


def _year_first(match: re.Match[str]) -> str:
    return f"write to_timestamp({{sql}}, 'yyyy{match[1]}M{match[1]}d{_clock(match)}') in columns.{{column}}"


def _named_month(match: re.Match[str]) -> str:
    month = "MMM" if len(match["month"]) == 3 else "MMMM"
    day = f"d{match['gap']}{month}{match['gap']}" if match["gap"] else f"{month} d, "
    return f"write to_timestamp({{sql}}, '{day}yyyy{_clock(match)}') in columns.{{column}}"


def _clock(match: re.Match[str]) -> str:
    if not match["clock"]:
        return ""
    seconds = ":ss" if match["seconds"] else ""
    half = match["half"].replace(match["half"].strip(), "a") if match["half"] else ""
    return f" {'h' if half else 'H'}:mm{seconds}{half}"


def _stars(match: re.Match[str]) -> str:
    value = float(match[0])
    if value < 1:
        return "write 1 + {sql} * 0.4 in columns.{column} for stars from 0 to 10, or where: {sql} > 0 if 0 is no rating"
    return f"write {{sql}} / {2 if value <= 10 else 20} in columns.{{column}}"


_IN_COLUMN = " in columns.{column}"
_CLOCK = r"(?P<clock> \d{1,2}:\d\d(?P<seconds>:\d\d)?(?P<half> ?[AaPp][Mm])?)?"
_WORD = (r"\D+", "add it to null_values if it means that there is none")

# The first pattern that matches the whole value wins.
_NUMBERS: tuple[tuple[str, _Hint], ...] = (
    (r"-?\d{1,3}(\.\d{3})+,\d+", "write replace(replace({sql}, '.', ''), ',', '.')" + _IN_COLUMN),
    (r"-?\d{1,3}(\.\d{3}){2,}", "write replace({sql}, '.', '')" + _IN_COLUMN),
    (r"-?\d{1,3}(,\d{3})+(\.\d+)?", "write replace({sql}, ',', '')" + _IN_COLUMN),
    (r"-?\d+,\d+", "write replace({sql}, ',', '.')" + _IN_COLUMN),
    # A currency sign, a unit, or thousands parted by blanks or apostrophes.
    (r"[^\d,]*\d[^,]*,\d{1,2}\D*", "write replace(regexp_replace({sql}, '[^0-9,-]', ''), ',', '.')" + _IN_COLUMN),
    (r"\D*\d{1,3}([,\s'’]\d{3})*(\.\d+)?[^\d.]*", "write regexp_replace({sql}, '[^0-9.-]', '')" + _IN_COLUMN),
    (r"\D*\d+(\.\d+)?[^\d.]*", "write regexp_replace({sql}, '[^0-9.-]', '')" + _IN_COLUMN),
    (r"\D*\d+(\.\d+)?\s.*\d.*", "write regexp_extract({sql}, '[0-9.]+', 0)" + _IN_COLUMN),
    _WORD,
)
_HINTS: dict[str, tuple[tuple[str, _Hint], ...]] = {
    "int": ((r"-?\d+\.\d+", "write round({sql})" + _IN_COLUMN), *_NUMBERS),
    "timestamp": (
        (r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})" + _CLOCK, _date),
        (r"\d{4}([/.])\d{1,2}\1\d{1,2}" + _CLOCK, _year_first),
        (r"\d{1,2}(?P<gap>[ -])(?P<month>[A-Za-z]{3,9})(?P=gap)\d{4}" + _CLOCK, _named_month),
        (r"(?P<month>[A-Za-z]{3,9}) \d{1,2}, \d{4}(?P<gap>)" + _CLOCK, _named_month),
        (r"\d{8}", "write to_timestamp({sql}, 'yyyyMMdd')" + _IN_COLUMN),
        (r"\d{14}", "write to_timestamp({sql}, 'yyyyMMddHHmmss')" + _IN_COLUMN),
        (r"\d{9,10}(\.\d+)?", "write timestamp_seconds(cast({sql} as bigint))" + _IN_COLUMN),
        (r"\d{12,13}(\.\d+)?", "write timestamp_millis(cast({sql} as bigint))" + _IN_COLUMN),
        (r"\d{15,16}(\.\d+)?", "write timestamp_micros(cast({sql} as bigint))" + _IN_COLUMN),
        (r"\d{5}(\.\d+)?", "write date_add('1899-12-30', cast({sql} as int)) in columns.{column} for Excel's days"),
        _WORD,
    ),
    "boolean": ((r"\w+", "write {sql} = '{value}' in columns.{column} if that is true"),),
}
_REASONS: dict[str, tuple[tuple[str, _Hint], ...]] = {"rating is not 1 to 5": ((r"\d+(\.\d+)?", _stars),)}


def hint(reason: str, column: str, type_: str, sql: str, value: str) -> str | None:
    """What to write in a mapping so that a refused value is read; None if the value tells nothing.

    Args:
        reason: the check that failed, e.g. "price is not a number".
        column, type_: of the contract.
        sql: the column's expression in the mapping.
        value: as delivered, blanks around it aside.

    >>> hint("price is not a number", "price", "double", "Cost", "12,50")
    "write replace(Cost, ',', '.') in columns.price"
    """
    patterns = (
        _HINTS.get(type_, _NUMBERS) if " is not a" in reason or " is not true" in reason else _REASONS.get(reason)
    )
    for pattern, text in patterns or ():
        if match := re.fullmatch(pattern, value, re.ASCII):
            return (text if isinstance(text, str) else text(match)).format(sql=sql, column=column, value=value)
    return None


def shown(value: str) -> str:
    """A delivered value as a message quotes it: printable, on one line, at most 40 characters."""
    text = visible(" ".join(value.split()))
    return f"'{text}'" if len(text) <= _MAX_SHOWN else f"'{text[: _MAX_SHOWN - 1]}…'"
