"""Whether a day's delivery looks like the days before it: pure functions over daily figures.

A figure is an outlier when it differs from its own past both by more than noise (a robust z-score) and by enough to
matter (a ratio or a share). Robust z: (x - median) / max(1.4826 MAD, floor), where MAD is the median absolute
deviation; if most days are equal (MAD 0), 1.2533 times the mean absolute deviation replaces 1.4826 MAD. See Iglewicz &
Hoaglin, "How to Detect and Handle Outliers", ASQC 1993, ch. 3. For counts the floor is sqrt(median), the standard
deviation of a Poisson count. Days on which the shop is closed are not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median

from libs.alarms.alarm import Kind

# (table, column or "", metric) -> day -> value; metrics are those of quality.table_health.
Figures = Mapping[tuple[str, str, str], Mapping[date, float]]
IsOpen = Callable[[date], bool]
_SAME_WEEKDAYS, _DAYS, _DRIFT_DAYS = 4, 5, 14  # fewer past days than these are too few to compare with


@dataclass(frozen=True)
class Limits:
    """When a day's figure is an outlier.

    Attributes:
        judge_days: only the last so many days of a longer window are checked.
        past_days: days of history to compare with.
        min_rows: a table that usually has fewer rows a day is not checked.
        z: a robust z-score above this is more than noise.
        volume_ratio: rows above expected * volume_ratio or below expected / volume_ratio for the weekday.
        share_rise: rise of a share of nulls or of quarantined rows.
        drift_ratio: relative change of a column's daily median.
        late_hours: the newest event may be this much further from the day's end than ever before.
    """

    judge_days: int = 7
    past_days: int = 56
    min_rows: int = 20
    z: float = 5.0
    volume_ratio: float = 2.0
    share_rise: float = 0.05
    drift_ratio: float = 0.2
    late_hours: float = 4.0


@dataclass(frozen=True)
class Finding:
    """A figure that is an outlier; `expected` is its usual value in the past."""

    kind: Kind
    table: str
    column: str
    metric: str
    day: date
    value: float
    expected: float
    message: str


def robust_z(value: float, past: list[float], floor: float) -> float:
    """(value - median) / max(deviation, floor), deviation 1.4826 MAD or, where that is 0, 1.2533 mean deviations.

    Median 10, deviations 2 1 0 1 2, MAD 1: 5 / 1.4826.

    >>> round(robust_z(15, [8, 9, 10, 11, 12], floor=0.1), 3), round(robust_z(2, [3, 3, 3, 2], floor=0.1), 3)
    (3.372, -3.192)
    """
    middle = median(past)
    deviations = [abs(other - middle) for other in past]
    return (value - middle) / max(1.4826 * median(deviations) or 1.2533 * fmean(deviations), floor)


def volume_off(rows: float, past: list[float], z: float, ratio: float) -> bool:
    """Whether a count differs from its past by more than noise and by more than a factor of `ratio`, up or down.

    >>> volume_off(40, [100, 110, 90, 100], z=5, ratio=2), volume_off(60, [100, 110, 90, 100], z=5, ratio=2)
    (True, False)
    """
    usual = median(past)
    return abs(robust_z(rows, past, max(usual, 1.0) ** 0.5)) > z and not usual / ratio <= rows <= usual * ratio


def weekday_past(rows: Mapping[date, float], day: date, is_open: IsOpen, past_days: int) -> list[float]:
    """Rows of the same weekday's open days before `day`; of all open days if there are too few of the weekday."""
    past = _past(rows, day, is_open, past_days)
    same_weekday = [value for earlier, value in past.items() if earlier.weekday() == day.weekday()]
    if len(same_weekday) >= _SAME_WEEKDAYS:
        return same_weekday
    return list(past.values()) if len(past) >= _DAYS else []


def missing_days(days: set[date], first: date, is_open: IsOpen) -> list[date]:
    """Open days between the newest day before the window and the window's `first` day: no run has ingested them."""
    earlier = [day for day in days if day < first]
    if not earlier:
        return []
    gap = (first - max(earlier)).days
    return [day for i in range(1, gap) if is_open(day := max(earlier) + timedelta(days=i))]


def findings(figures: Figures, table: str, day: date, is_open: IsOpen, limits: Limits) -> list[Finding]:
    """The outliers of a table's day, most severe first; one cause may show in several figures."""
    rows = figures.get((table, "", "rows"), {})
    if day not in rows or not is_open(day):
        return []
    past = weekday_past(rows, day, is_open, limits.past_days)
    usual = median(past) if past else 0.0
    if rows[day] == 0:
        return _without_rows(figures, table, day, usual, limits)
    outliers = _repeated(figures, table, day, limits)
    same_weekday = [d for d in _past(rows, day, is_open, limits.past_days) if d.weekday() == day.weekday()]
    enough = len(same_weekday) >= _SAME_WEEKDAYS and usual >= limits.min_rows
    if enough and volume_off(rows[day], past, limits.z, limits.volume_ratio):
        message = f"{rows[day]:.0f} rows, where the weekday lets expect {usual:.0f}"
        outliers.append(Finding("volume", table, "", "rows", day, rows[day], usual, message))
    if rows[day] < limits.min_rows:
        return outliers
    for (name, column, metric), series in sorted(figures.items()):
        if name == table and day in series:
            before = _past(series, day, is_open, limits.past_days)
            if len(before) >= _DAYS:
                outliers += _outliers(table, column, metric, day, series[day], list(before.values()), rows[day], limits)
    return sorted(outliers, key=lambda finding: _BY_SEVERITY.index(finding.kind))


# Most severe first.
_BY_SEVERITY: list[Kind] = ["empty_day", "repeated_day", "volume", "freshness", "quarantine_rate", "null_rate", "drift"]


def _past(series: Mapping[date, float], day: date, is_open: IsOpen, past_days: int) -> dict[date, float]:
    first = day - timedelta(days=past_days)
    return {earlier: value for earlier, value in series.items() if first <= earlier < day and is_open(earlier)}


def _without_rows(figures: Figures, table: str, day: date, usual: float, limits: Limits) -> list[Finding]:
    delivered = figures.get((table, "", "rows_in"), {}).get(day, 0.0)
    again = figures.get((table, "", "duplicate_share"), {}).get(day, 0.0)
    if delivered >= limits.min_rows and again > 0.9:
        message = f"{again:.0%} of {delivered:.0f} rows were delivered before"
        return [Finding("repeated_day", table, "", "rows", day, 0.0, usual, message)]
    if usual < limits.min_rows:
        return []
    message = f"no rows on an open day ({delivered:.0f} were delivered), where {usual:.0f} are usual"
    return [Finding("empty_day", table, "", "rows", day, 0.0, usual, message)]


def _repeated(figures: Figures, table: str, day: date, limits: Limits) -> list[Finding]:
    content, rows = figures.get((table, "", "content"), {}), figures[table, "", "rows"]
    same_content = [earlier for earlier, value in content.items() if earlier < day and value == content.get(day)]
    if not same_content or rows[day] < limits.min_rows:
        return []
    message = f"its {rows[day]:.0f} rows are those of {max(same_content)}, times aside"
    return [Finding("repeated_day", table, "", "content", day, content[day], content[day], message)]


def _outliers(
    table: str, column: str, metric: str, day: date, value: float, past: list[float], rows: float, limits: Limits
) -> list[Finding]:
    """The finding, if any, of a figure other than the row count, compared with the open days before it."""
    usual = median(past)
    kind: Kind | None = None
    if metric == "newest_lag_hours" and value > max(past) + limits.late_hours:
        kind, message = "freshness", f"the newest event is {value:.1f} h before the day's end, {usual:.1f} h are usual"
    elif metric in ("null_share", "quarantined_share"):
        noise = (max(usual * (1 - usual), 1 / rows) / rows) ** 0.5  # standard error of a share of `rows` rows
        if value - usual > limits.share_rise and robust_z(value, past, noise) > limits.z:
            kind = "null_rate" if metric == "null_share" else "quarantine_rate"
            message = f"{value:.1%} of {column or 'rows'} are {metric.split('_')[0]}, {usual:.1%} are usual"
    elif metric == "median" and len(past) >= _DRIFT_DAYS:
        # The median of whole numbers jumps between neighbours, so only a value outside its past range counts.
        outside, least = not min(past) <= value <= max(past), abs(usual) * limits.drift_ratio
        if outside and abs(value - usual) > least and abs(robust_z(value, past, least / limits.z or 1e-9)) > limits.z:
            kind, message = "drift", f"the median of {column} is {value:.4g}, {usual:.4g} is usual"
    return [Finding(kind, table, column, metric, day, value, usual, message)] if kind else []
