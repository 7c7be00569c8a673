"""Is tonight's release good enough to be published? Pure functions of few figures; each gives a row of quality.audits.

A check that has nothing to be held against (a first release, no test users) passes or warns, and says so.
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
    """What tonight's release is held against.

    Attributes:
        min_user_share: share of the users with candidates who must have a list.
        max_quality_drop: NDCG@10 may be below the last release's by this share of it, or by noise.
        max_stale_open_days: open days before the release's day that may be without any event.
        volume_ratio: the last open day may have so many times the events its weekday lets expect, or that part of them.
        volume_z: robust z-score that is more than noise.
        volume_min_rows: a shop that usually has fewer events a day is too thin for its volume to be judged.
        past_days: how far back a weekday's past reaches.
        max_user_drop, max_row_drop: lists and rows may be fewer than the last release's by this share.
        min_activity_ratio: rows a list of the less active half of the users, against those of the more active half.
        max_gini: of how often each product of the catalogue is shown: 0 all equally, 1 one alone.
        max_gini_rise: above the last release's.
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
    """What one check found; `observed` and `limit` are None where there is nothing to measure or to hold against."""

    check: str
    passed: bool
    observed: float | None
    limit: float | None
    message: str
    severity: Literal["stop", "warn"] = "stop"


@dataclass(frozen=True)
class Backtest:
    """A figure of the back-test with its 95% interval over users, and its verdict where it is a difference."""

    value: float
    low: float
    high: float
    users: int
    verdict: str | None = None

    @property
    def severity(self) -> Literal["stop", "warn"]:
        """Few users are all noise: they warn."""
        return "stop" if self.users >= _MIN_TEST_USERS else "warn"


def none_broken(check: str, rows: int) -> Audited:
    return Audited(check, rows == 0, rows, 0, f"{rows} rows do not")


def at_least_popular(found: Backtest | None) -> Audited:
    """The paired difference of the final list to the popular one is not wholly below 0."""
    check = "NDCG@10 of the final list is not below popular"
    if found is None:
        return Audited(check, False, None, 0, "no user to test on", "warn")
    message = f"{found.verdict}: {found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], {found.users} users"
    return Audited(check, found.verdict != "worse", found.value, 0, message, found.severity)


def not_below_last(now: Backtest | None, last: Backtest | None, limits: Limits) -> Audited:
    """NDCG@10 is below the last release's by more than its margin and by more than noise.

    The two back-tests have windows of their own, so the difference's 95% half-width is the root of the sum of the
    squares of theirs; that many users are in both makes it wider than need be, never narrower.
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
    return Audited(check, passed, now.value, limit, message, min(now, last, key=lambda one: one.users).severity)


def users_listed(listed: int, users: int, limits: Limits) -> Audited:
    share = listed / users if users else 0.0
    passed = listed > 0 and share >= limits.min_user_share
    return Audited("users with candidates have a list", passed, share, limits.min_user_share, f"{listed} of {users}")


def fresh(events: Mapping[date, float], as_of: date, is_open: IsOpen, limits: Limits) -> Audited:
    """Open days since the newest event; a thin shop may have twice the longest gap it ever had.

    Args:
        events: day -> events, of the days that were brought in.
    """
    check = "the newest event is of the last open day"
    some = sorted(day for day, rows in events.items() if rows and day < as_of)
    if not some:
        return Audited(check, False, None, None, "no day with events is known: run monitoring.table_health", "warn")
    stale = len(_open_between(some[-1], as_of, is_open))
    longest = max((len(_open_between(a, b, is_open)) for a, b in pairwise(some)), default=0)
    limit = max(limits.max_stale_open_days, 2 * longest)
    return Audited(check, stale <= limit, stale, limit, f"newest event {some[-1]}, {stale} open days since")


def usual_volume(events: Mapping[date, float], as_of: date, is_open: IsOpen, limits: Limits) -> Audited:
    """Events of the last open day against the same weekday's past."""
    check = "events of the last open day are as many as its weekday lets expect"
    known = [day for day in events if day < as_of and is_open(day)]
    day = max(known, default=None)
    past = weekday_past(events, day, is_open, limits.past_days) if day else []
    if day is None or not past or median(past) < limits.volume_min_rows:
        return Audited(check, True, events[day] if day else None, None, "too few days or events to tell")
    usual = median(past)
    off = volume_off(events[day], past, limits.volume_z, limits.volume_ratio)
    return Audited(check, not off, events[day], usual, f"{events[day]:.0f} on {day}, {usual:.0f} expected")


def not_fewer(what: str, now: int, last: int | None, max_drop: float) -> Audited:
    check = f"{what} are not fewer than the last release's"
    if last is None:
        return Audited(check, True, now, None, "no earlier release")
    limit = last * (1 - max_drop)
    return Audited(check, now >= limit, now, limit, f"{now} after {last}")


def activity_ratio(less: float | None, more: float | None, limits: Limits) -> Audited:
    """Fairness floor: rows a list of the less active half of the users over those of the more active half."""
    check = "less active users have lists as long as active ones"
    if not more or less is None:
        return Audited(check, True, None, limits.min_activity_ratio, "all users are equally active")
    ratio = less / more
    message = f"{less:.2f} rows a user of the less active half, {more:.2f} of the more active"
    return Audited(check, ratio >= limits.min_activity_ratio, ratio, limits.min_activity_ratio, message)


def exposure(shown: Mapping[int, int], products: int, last: float | None, limits: Limits) -> Audited:
    """Fairness floor: how unevenly the catalogue is shown.

    Args:
        shown: times shown -> number of products shown so often.
        products: size of the catalogue.
    """
    counts = [times for times, number in sorted(shown.items()) for _ in range(number)]
    if not counts:
        return Audited(GINI, False, None, limits.max_gini, "nothing is shown")
    found = gini(counts, max(products, len(counts)))
    limit = limits.max_gini if last is None else min(limits.max_gini, last + limits.max_gini_rise)
    before = "no earlier release" if last is None else f"{last:.3f} in the last release"
    return Audited(GINI, found <= limit, found, limit, f"{found:.3f} over {products} products, {before}")


def _open_between(earlier: date, later: date, is_open: IsOpen) -> list[date]:
    """Open days after `earlier` and before `later`."""
    days = (earlier + timedelta(days=i) for i in range(1, (later - earlier).days))
    return [day for day in days if is_open(day)]
