"""Whether tonight's release is good enough to publish: pure functions of a few figures, each a row of quality.audits.

A check that has nothing to compare with (a first release, no test users) passes or warns, and its message says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import hypot
from statistics import median
from typing import Literal

from libs.evaluation.beyond_accuracy import gini
from libs.quality.health import IsOpen, volume_off, weekday_past

GINI = "exposure Gini of tonight's lists"
_MIN_TEST_USERS = 200


@dataclass(frozen=True)
class Limits:
    """The limits for tonight's release.

    Attributes:
        min_user_share: this share of the users with candidates must have a list.
        max_quality_drop: NDCG@10 may be below the last release's by this share of it, or by noise.
        max_stale_open_days: this many open days before the release's day may be without any event.
        volume_ratio: the last open day may have up to this many times the events expected for its weekday, and no fewer
            than expected / volume_ratio.
        volume_z: a robust z-score above this is more than noise.
        volume_min_rows: the volume of a shop that usually has fewer events a day is not checked.
        past_days: days of history for a weekday's expected volume.
        max_user_drop, max_row_drop: lists and rows may be fewer than the last release's by this share.
        min_activity_ratio: least ratio of rows per list of the less active half of the users to the more active half.
        max_gini: greatest Gini coefficient of how often each product of the catalogue is shown: 0 if all are shown
            equally, 1 if only one is.
        max_gini_rise: the Gini coefficient may be above the last release's by this much.
    """

    min_user_share: float = 0.95
    max_quality_drop: float = 0.1
    max_stale_open_days: int = 0
    volume_ratio: float = 4.0
    volume_z: float = 5.0
    volume_min_rows: int = 20
    past_days: int = 56
    max_user_drop: float = 0.1
    max_row_drop: float = 0.1
    min_activity_ratio: float = 0.8
    max_gini: float = 0.98
    max_gini_rise: float = 0.05


@dataclass(frozen=True)
class Audited:
    """The result of one check; `observed` and `limit` are None if there is nothing to measure or to compare with."""

    check: str
    passed: bool
    observed: float | None
    limit: float | None
    message: str
    severity: Literal["stop", "warn"] = "stop"


@dataclass(frozen=True)
class Backtest:
    """A figure of the back-test with its 95% interval over users; if it is a difference, with its verdict."""

    value: float
    low: float
    high: float
    users: int
    verdict: str | None = None

    @property
    def severity(self) -> Literal["stop", "warn"]:
        """`warn` with few users, whose figures are mostly noise; else `stop`."""
        return "stop" if self.users >= _MIN_TEST_USERS else "warn"


def none_broken(check: str, rows: int) -> Audited:
    """A check that no row may fail; `rows` fail it."""
    return Audited(check, rows == 0, rows, 0, f"{rows} rows do not")


def at_least_popular(difference: Backtest | None) -> Audited:
    """Fails if the interval of the paired difference, final list minus popular list, is wholly below 0."""
    check = "NDCG@10 of the final list is not below popular"
    if difference is None:
        return Audited(check, False, None, 0, "no user to test on", "warn")
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    message = f"{difference.verdict}: {difference.value:+.4f} {interval}, {difference.users} users"
    return Audited(check, difference.verdict != "worse", difference.value, 0, message, difference.severity)


def not_below_last(now: Backtest | None, last: Backtest | None, limits: Limits) -> Audited:
    """Fails if NDCG@10 is below the last release's by more than the allowed drop and by more than noise.

    The two back-tests have different windows, so the 95% half-width of the difference is taken as the root of the sum
    of their squared half-widths. Many users are in both, which makes the true interval narrower, never wider.
    """
    check = "NDCG@10 of the back-test is not below the last release's"
    if now is None:
        return Audited(check, True, None, None, "nothing to compare: no back-test of tonight's models")
    if last is None:
        return Audited(check, True, now.value, None, "nothing to compare: no earlier release with other models")
    fall, noise = last.value - now.value, hypot(last.high - last.low, now.high - now.low) / 2
    limit = last.value * (1 - limits.max_quality_drop)
    message = f"{now.value:.4f} after {last.value:.4f}, noise {noise:.4f}, {min(now.users, last.users)} users"
    passed = now.value >= limit or fall <= noise
    smaller = min(now, last, key=lambda backtest: backtest.users)
    return Audited(check, passed, now.value, limit, message, smaller.severity)


def users_listed(listed: int, users: int, limits: Limits) -> Audited:
    """Fails if too few of the users with candidates have a list."""
    share = listed / users if users else 0.0
    passed = listed > 0 and share >= limits.min_user_share
    return Audited("users with candidates have a list", passed, share, limits.min_user_share, f"{listed} of {users}")


def fresh(events: Mapping[date, float], as_of: date, is_open: IsOpen, limits: Limits) -> Audited:
    """Fails if too many open days have passed since the newest event; twice the shop's longest gap is always allowed.

    Args:
        events: day -> number of events, for each day that was ingested.
    """
    check = "the newest event is of the last open day"
    days = sorted(day for day, rows in events.items() if rows and day < as_of)
    if not days:
        return Audited(check, False, None, None, "no day with events is known: run monitoring.table_health", "warn")
    stale = len(_open_between(days[-1], as_of, is_open))
    longest = max((len(_open_between(a, b, is_open)) for a, b in pairwise(days)), default=0)
    limit = max(limits.max_stale_open_days, 2 * longest)
    return Audited(check, stale <= limit, stale, limit, f"newest event {days[-1]}, {stale} open days since")


def usual_volume(events: Mapping[date, float], as_of: date, is_open: IsOpen, limits: Limits) -> Audited:
    """Fails if the last open day has far more or fewer events than the same weekday in the past."""
    check = "events of the last open day are as many as its weekday lets expect"
    open_days = [day for day in events if day < as_of and is_open(day)]
    day = max(open_days, default=None)
    past = weekday_past(events, day, is_open, limits.past_days) if day else []
    if day is None or not past or median(past) < limits.volume_min_rows:
        return Audited(check, True, events[day] if day else None, None, "too few days or events to tell")
    usual = median(past)
    off = volume_off(events[day], past, limits.volume_z, limits.volume_ratio)
    return Audited(check, not off, events[day], usual, f"{events[day]:.0f} on {day}, {usual:.0f} expected")


def not_fewer(what: str, now: int, last: int | None, max_drop: float) -> Audited:
    """Fails if `now` is below `last` by more than the share `max_drop`."""
    check = f"{what} are not fewer than the last release's"
    if last is None:
        return Audited(check, True, now, None, "no earlier release")
    limit = last * (1 - max_drop)
    return Audited(check, now >= limit, now, limit, f"{now} after {last}")


def activity_ratio(less: float | None, more: float | None, limits: Limits) -> Audited:
    """Fairness floor: rows per list of the less active half of the users over those of the more active half."""
    check = "less active users have lists as long as active ones"
    if not more or less is None:
        return Audited(check, True, None, limits.min_activity_ratio, "all users are equally active")
    ratio = less / more
    message = f"{less:.2f} rows a user of the less active half, {more:.2f} of the more active"
    return Audited(check, ratio >= limits.min_activity_ratio, ratio, limits.min_activity_ratio, message)


def exposure(shown: Mapping[int, int], products: int, last: float | None, limits: Limits) -> Audited:
    """Fairness floor: how unevenly the products of the catalogue are shown.

    Args:
        shown: times shown -> number of products shown that often.
        products: size of the catalogue.
    """
    counts = [times for times, number in sorted(shown.items()) for _ in range(number)]
    if not counts:
        return Audited(GINI, False, None, limits.max_gini, "nothing is shown")
    value = gini(counts, max(products, len(counts)))
    limit = limits.max_gini if last is None else min(limits.max_gini, last + limits.max_gini_rise)
    before = "no earlier release" if last is None else f"{last:.3f} in the last release"
    return Audited(GINI, value <= limit, value, limit, f"{value:.3f} over {products} products, {before}")


def _open_between(earlier: date, later: date, is_open: IsOpen) -> list[date]:
    """Open days after `earlier` and before `later`."""
    days = (earlier + timedelta(days=i) for i in range(1, (later - earlier).days))
    return [day for day in days if is_open(day)]
