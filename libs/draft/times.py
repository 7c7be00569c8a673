"""How a column tells its time, as a Spark SQL expression."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.draft.column import Column, literal

_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_ISO = r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}(?::\d{1,2}){0,2}(?:[.]\d*)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}|[+-]\d{2}))?)?"
_CLOCK = r"(?:,?[T ]+(\d{1,2}):(\d{2})(:\d{2})?(\.\d+)?(?: ?([AaPp][Mm]))?)?"
_PARTS = re.compile(rf"(\d{{1,4}})([/.-])(\d{{1,2}})\2(\d{{1,4}}){_CLOCK}")
_CHINESE = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日( ?\d{1,2}:\d{2}(:\d{2})?)?")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# Pattern of the values, Spark's pattern, what the comment calls it. Spark cannot parse the name of a weekday.
_WORDED = [
    (rf"{_MONTH} \d{{1,2}}, ?\d{{4}}", "MMM d, yyyy"),
    (rf"(?:{_MONTHS}) \d{{1,2}}, ?\d{{4}}", "MMMM d, yyyy"),
    (rf"\d{{1,2}} {_MONTH} \d{{4}}", "d MMM yyyy"),
    (rf"\d{{1,2}} (?:{_MONTHS}) \d{{4}}", "d MMMM yyyy"),
    (rf"\d{{1,2}}-{_MONTH}-\d{{4}}", "d-MMM-yyyy"),
    (rf"\d{{1,2}}-{_MONTH}-\d{{2}}", "d-MMM-yy"),
    (r"\d{2} \d{1,2}, \d{4}", "MM d, yyyy"),
]
_WEEKDAYS = [
    (rf"[A-Z][a-z]{{2}} {_MONTH} \d{{2}} \d{{2}}:\d{{2}}:\d{{2}} [+-]\d{{4}} \d{{4}}", 5, "MMM dd HH:mm:ss Z yyyy"),
    (rf"[A-Z][a-z]{{2}}, \d{{2}} {_MONTH} \d{{4}} \d{{2}}:\d{{2}}:\d{{2}} [+-]\d{{4}}", 6, "dd MMM yyyy HH:mm:ss Z"),
]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_ENOUGH = 0.95


@dataclass(frozen=True)
class Time:
    """An expression that gives the time, why it was chosen, and whether a day alone is known."""

    sql: str
    why: str
    whole_days: bool = False


def time_of(column: Column) -> Time | None:
    """How to read the column's values as times; None if they are none."""
    if column.type in ("date", "timestamp"):
        return Time(column.sql, f"a {column.type} of the file", column.type == "date")
    if not column.texts or not column.scalar:
        return None
    return _number(column) or _iso(column) or _parts(column) or _words(column)


def clock_sql(day: Column, clock: Column) -> Time | None:
    """A day and a time of day in two columns."""
    text = f"concat_ws(' ', {day.sql}, {clock.sql})"
    if clock.matching(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?(\.\d+)?") < _ENOUGH or day.exact:
        return None
    known = time_of(day)
    if known is None or not known.whole_days:
        return None
    why = f"the day is in {day.name}, the time of day in {clock.name}"
    if known.sql == day.sql:
        return Time(text, why)
    pattern = re.search(r", '([^']+)'\)$", known.sql)
    seconds = clock.matching(r"\d+:\d+:\d+(\.\d+)?") >= _ENOUGH
    return Time(f"to_timestamp({text}, '{pattern[1]} H:m{':s' if seconds else ''}')", why) if pattern else None


def parts_sql(year: Column, month: Column, day: Column | None, hour: Column | None) -> Time | None:
    """Year, month, day and hour in columns of their own."""
    if not (year.numbers and month.numbers and all(1990 <= n < 2100 for n in year.numbers)):
        return None
    if not all(1 <= n <= 12 for n in month.numbers):
        return None
    numbers = [
        f"cast({part.sql} as int)" if part else default for part, default in ((year, ""), (month, ""), (day, "1"))
    ]
    hours = f"cast({hour.sql} as int)" if hour else "0"
    why = "year, month and day are in columns of their own"
    return Time(f"make_timestamp({', '.join(numbers)}, {hours}, 0, 0)", why, hour is None)


def _number(column: Column) -> Time | None:
    """Seconds (or ms, us, ns) since 1970, yyyyMMdd, or days as Excel counts them."""
    numbers = column.numbers
    if not numbers:
        return None
    low, high = min(numbers), max(numbers)
    as_int = column.sql if column.exact and column.type == "int" else f"cast({column.sql} as bigint)"
    if any("e" in text.lower() or "." in text for text in column.texts[:1000]) and not column.exact:
        as_int = f"cast(cast({column.sql} as double) as bigint)"
    if column.matching(r"(19[89]|20\d)\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\.0)?") >= _ENOUGH:
        text = column.sql if column.type == "text" else f"cast({as_int} as string)"
        return Time(f"to_date({text}, 'yyyyMMdd')", "written as yyyyMMdd", True)
    if column.matching(r"(19[89]|20\d)\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d){2}") >= _ENOUGH:
        text = column.sql if column.type == "text" else f"cast({column.sql} as string)"
        return Time(f"to_timestamp({text}, 'yyyyMMddHHmmss')", "written as yyyyMMddHHmmss")
    for unit, size, function in (
        ("seconds", 1, "timestamp_seconds({})"),
        ("milliseconds", 10**3, "timestamp_millis({})"),
        ("microseconds", 10**6, "timestamp_micros({})"),
        ("nanoseconds", 10**9, "timestamp_micros({} div 1000)"),
    ):
        if _FIRST * size <= low and high < _LAST * size:
            return Time(function.format(as_int), f"{unit} since 1970")
    if low >= 32874 and high < 73051 and not column.whole:  # 1990 to 2099
        return Time(
            f"timestamp_seconds(round((cast({column.sql} as double) - 25569) * 86400))", "days as Excel counts them"
        )
    return None


def _iso(column: Column) -> Time | None:
    if column.matching(_ISO) < _ENOUGH:
        return None
    dates = column.matching(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]0?0:00(:00)?(\.0+)?(Z| UTC|[+]00:00)?)?")
    return Time(column.sql, "ISO 8601, as it must be", dates == 1)


def _parts(column: Column) -> Time | None:
    """Numbers parted by / . or -: which is the day is told by values above 12, else by the order of the rows."""
    matches = [match for match in map(_PARTS.fullmatch, column.texts) if match]
    if len(matches) < _ENOUGH * len(column.texts):
        if column.matching(_CHINESE.pattern) >= _ENOUGH:
            clock = " H:m" if " " in column.texts[0] else "H:m"
            seconds = ":s" if column.texts[0].count(":") == 2 else ""
            with_clock = ":" in column.texts[0]
            pattern = f"yyyy年M月d日{clock + seconds if with_clock else ''}"
            return Time(f"to_timestamp({column.sql}, '{pattern}')", "written with 年月日", not with_clock)
        return None
    firsts, seconds_, thirds = ([int(match[n]) for match in matches] for n in (1, 3, 4))
    sign, year_first = matches[0][2], max(firsts) > 31
    why = f"for example {matches[0][0]}"
    if year_first:
        days = "yyyy{0}M{0}d"
    else:
        year = "yyyy" if max(thirds) > 99 else "yy"
        if max(firsts) > 12:
            example = next(match[0] for match in matches if int(match[1]) > 12)
            days, why = "d{0}M{0}" + year, f"day first, for example {example}"
        elif max(seconds_) > 12:
            example = next(match[0] for match in matches if int(match[3]) > 12)
            days, why = "M{0}d{0}" + year, f"month first, for example {example}"
        else:
            keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
                lambda n: (thirds[n], seconds_[n], firsts[n]),
                lambda n: (thirds[n], firsts[n], seconds_[n]),
            )
            steps_back = [sum(key(n) < key(n - 1) for n in range(1, len(matches))) for key in keys]
            day_first = steps_back[0] < steps_back[1] or (steps_back[0] == steps_back[1] and sign == ".")
            days = ("d{0}M{0}" if day_first else "M{0}d{0}") + year
            why = f"day and month cannot be told apart ({matches[0][0]}): check which is first"
    timed = [match for match in matches if match[5]]
    if not timed:
        pattern = days.format(sign)
        return Time(f"to_date({column.sql}, '{pattern}')", why, True)
    half = any(match[9] for match in timed)
    clock = "h:m" if half else "H:m"
    with_seconds = sum(match[7] is not None for match in timed)
    clock += ":s" if with_seconds == len(timed) else "[:s]" if with_seconds else ""
    clock += "[.SSSSSS][.SSS][.SS][.S]" if any(match[8] for match in timed) else ""
    clock += " a" if half else ""
    gap = "'T'" if "T" in timed[0][0] else ", " if "," in timed[0][0] else " "
    clock = gap + clock
    if len(timed) < len(matches):
        clock = f"[{clock}]"
    pattern = (days.format(sign) + clock).replace("'T'", "\\'T\\'")
    return Time(f"to_timestamp({column.sql}, '{pattern}')", why)


def _words(column: Column) -> Time | None:
    """Dates with the names of months; a constant text before or after, as "Posted", is part of the pattern."""
    why = f"for example {column.texts[0]}"[:60]
    for pattern, start, spark in _WEEKDAYS:
        if column.matching(pattern) >= _ENOUGH:
            return Time(f"to_timestamp(substring({column.sql}, {start}), '{spark}')", why)
    for pattern, spark in _WORDED:
        if column.matching(pattern) >= _ENOUGH:
            return Time(f"to_date({column.sql}, '{spark}')", why, True)
    for pattern, spark in _WORDED:
        inner = re.compile(pattern)
        first = inner.search(column.texts[0])
        if first is None:
            continue
        before, after = column.texts[0][: first.start()], column.texts[0][first.end() :]
        if re.search(r"\d", before + after) or len(before + after) > 30:
            continue
        if column.matching(re.escape(before) + pattern + re.escape(after)) >= _ENOUGH:
            return Time(f"to_date(regexp_extract({column.sql}, {literal(pattern)}, 0), '{spark}')", why, True)
    return None


def days_of(column: Column) -> tuple[float, float] | None:
    """(first, last) day of a column's times, in days since 1970, as far as the file's own form tells."""
    if column.type in ("date", "timestamp"):
        days = [value.toordinal() - _EPOCH for value in column.values if value is not None]
        return (min(days), max(days)) if days else None
    if column.numbers and not re.search(r"yyyy", time.sql if (time := time_of(column)) else ""):
        size = next((size for size in (1, 10**3, 10**6, 10**9) if max(column.numbers) < _LAST * size), None)
        return (min(column.numbers) / size / 86400, max(column.numbers) / size / 86400) if size else None
    years = [int(year[0]) for text in column.texts if (year := re.search(r"(?:19[89]|20\d)\d", text))]
    return (min(years) * 365.25, max(years) * 365.25) if years else None
