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

import numpy as np

from libs.evaluation.beyond_accuracy import excess_gini
from libs.quality.health import IsOpen, volume_off, weekday_past

GINI = "exposure Gini of what can be listed"
_MIN_USERS = 200  # with fewer, a shop's figures are mostly noise: they warn and do not stop


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
        volume_min_rows: the volume of a shop that usually has fewer events a day is not checked, and a silence of it
            only warns.
        past_days: days of history for a weekday's expected volume.
        max_user_drop, max_row_drop: lists and rows may be fewer than the last release's by this share.
        min_activity_ratio: least ratio of rows per list of the less active half of the users to the more active half.
        max_gini: greatest Gini coefficient of how often each product that can be listed is shown: 0 if it is as even as
            the number of rows allows, 1 if only one is shown.
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
        return severity_of(self.users)


def severity_of(users: int) -> Literal["stop", "warn"]:
    """`warn` with few users, whose figures are mostly noise; else `stop`."""
    return "stop" if users >= _MIN_USERS else "warn"


def none_broken(check: str, rows: int) -> Audited:
    """A check that no row may fail; `rows` fail it."""
    return Audited(check, rows == 0, rows, 0, f"{rows} rows do not")


def at_least_popular(difference: Backtest | None, fallback: str | None = None) -> Audited:
    """Fails if the interval of the paired difference, final list minus popular list, is wholly below 0.

    Only warns if the lists are those of `fallback`, a source, instead of the fused ones that were measured.
    """
    check = "NDCG@10 of the final list is not below popular"
    if difference is None:
        return Audited(check, False, None, 0, "no user to test on", "warn")
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    message = f"{difference.verdict}: {difference.value:+.4f} {interval}, {difference.users} users"
    severity = "warn" if fallback else difference.severity
    return Audited(check, difference.verdict != "worse", difference.value, 0, message, severity)


def fused(fallback: str | None, tested: Mapping[str, float]) -> Audited:
    """Warns if the lists are those of one source, since the fused ones were below popular's in the back-test.

    Args:
        tested: NDCG@10 of the lists `fused` and `popular`.
    """
    check = "tonight's lists are fused from all sources"
    if fallback is None:
        return Audited(check, True, None, None, "they are", "warn")
    message = (
        f"they are those of {fallback} alone: NDCG@10 of the fused lists was {tested['fused']:.4f} in the back-test,"
        f" popular's {tested['popular']:.4f}"
    )
    return Audited(check, False, tested["fused"], tested["popular"], message, "warn")


def sources_list(silent: Mapping[str, str]) -> Audited:
    """Warns of the learned sources that list nothing tonight; `silent` maps each to the reason."""
    message = "; ".join(f"{source}: {why}" for source, why in silent.items()) or "each does"
    return Audited("each learned source lists products", not silent, len(silent), 0, message, "warn")


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
    """Fails if too few of the users with candidates that may be shown have a list."""
    check = "users with candidates have a list"
    if not users:
        message = "no known user has a candidate that may be shown: the release has no lists"
        return Audited(check, False, None, limits.min_user_share, message, "warn")
    share = listed / users
    passed = share >= limits.min_user_share
    return Audited(check, passed, share, limits.min_user_share, f"{listed} of {users}", severity_of(users))


def fresh(events: Mapping[date, float], as_of: date, is_open: IsOpen, limits: Limits) -> Audited:
    """Fails if too many open days have passed since the newest event; twice the shop's longest gap is always allowed.

    Only warns in a shop that has few events on a usual day: days without any come by chance.

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
    first = days[-1] - timedelta(days=limits.past_days)
    usual = median([rows for day, rows in events.items() if first < day <= days[-1] and is_open(day)] or [0])
    severity: Literal["stop", "warn"] = "stop" if usual >= limits.volume_min_rows else "warn"
    return Audited(check, stale <= limit, stale, limit, f"newest event {days[-1]}, {stale} open days since", severity)


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


def activity_ratio(less: float | None, more: float | None, users: int, limits: Limits) -> Audited:
    """Fairness floor: rows per list of the less active half of the users over those of the more active half."""
    check = "less active users have lists as long as active ones"
    if not more or less is None:
        return Audited(check, True, None, limits.min_activity_ratio, "all users are equally active")
    ratio = less / more
    message = f"{less:.2f} rows a user of the less active half, {more:.2f} of the more active"
    passed = ratio >= limits.min_activity_ratio
    return Audited(check, passed, ratio, limits.min_activity_ratio, message, severity_of(users))


def exposure(
    shown: Mapping[int, int],
    listable: int,
    users: int,
    last: float | None,
    limits: Limits,
    fallback: str | None = None,
) -> Audited:
    """Fairness floor: how unevenly the products that can be listed are shown (`excess_gini`).

    Args:
        shown: times shown -> number of products shown that often.
        listable: products that somebody owns or a source names: no other could be shown.
        users: users with a list.
        fallback: the source whose lists these are, if they are not fused: as even as it is, so a failure only warns.
    """
    times = np.array(sorted(shown, reverse=True), dtype=np.int64)
    counts = np.repeat(times, [shown[t] for t in times.tolist()])  # most shown first
    if not counts.size:
        return Audited(GINI, False, None, limits.max_gini, "nothing is shown", "warn")
    listable, rows = max(listable, counts.size), int(counts.sum())
    value = excess_gini(counts, listable)
    half = 1 + int(np.searchsorted(np.cumsum(counts), rows / 2))
    limit, bound = limits.max_gini, f"max_gini {limits.max_gini}"
    if last is not None and last + limits.max_gini_rise < limit:
        limit, bound = last + limits.max_gini_rise, f"max_gini_rise {limits.max_gini_rise} above the last {last:.3f}"
    message = f"{value:.3f}, {bound}: half of the {rows} rows show {half} of the {listable} products that can be listed"
    return Audited(GINI, value <= limit, value, limit, message, "warn" if fallback else severity_of(users))


def _open_between(earlier: date, later: date, is_open: IsOpen) -> list[date]:
    """Open days after `earlier` and before `later`."""
    days = (earlier + timedelta(days=i) for i in range(1, (later - earlier).days))
    return [day for day in days if is_open(day)]
