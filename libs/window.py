"""Half-open windows of a shop's business days, and their instants in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from libs.errors import OperatorError


@dataclass(frozen=True)
class Window:
    """Business days [start, end) of one shop.

    A business day begins at midnight in the shop's time zone, so the window's ends are two instants in UTC, and the day
    of a daylight-saving change has 23 or 25 hours.
    """

    start: date
    end: date
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise OperatorError(
                f"window [{self.start}, {self.end}) ends before it starts: --end is exclusive and must be after --start"
            )

    @property
    def as_of(self) -> date:
        """The day D after the window: a run uses only what was known strictly before D began."""
        return self.end

    def days(self) -> list[Window]:
        """The business days as windows of one day each, oldest first."""
        starts = [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]
        return [Window(day, day + timedelta(days=1), self.timezone) for day in starts]

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The window's start and end in UTC."""
        return start_of(self.start, self.timezone), start_of(self.end, self.timezone)


def start_of(day: date, timezone: str) -> datetime:
    """The instant, in UTC, at which a business day begins."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def parse_day(text: str, option: str) -> date:
    """Reads YYYY-MM-DD; raises OperatorError that names the option."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{option}: {text!r} is not a day; write it as YYYY-MM-DD, e.g. 2014-06-30") from None
    if not _FIRST_TRAINING_DAY.year <= day.year <= _LAST_YEAR:
        raise OperatorError(f"{option}: {text!r} lies before {_FIRST_TRAINING_DAY.year} or after {_LAST_YEAR}")
    return day


# 1970-01-05, a Monday.
_FIRST_TRAINING_DAY = date(1970, 1, 5)
_LAST_YEAR = 2099


def train_cutoff(as_of: date, every_days: int) -> date:
    """The latest training day at or before `as_of`.

    Training days are fixed by the calendar (with 7 days: Mondays), not by when training last ran, so that two windows
    use the same models whichever is run first.
    """
    return as_of - timedelta(days=(as_of - _FIRST_TRAINING_DAY).days % every_days)


def fold_cutoffs(train_cutoff: date, horizon_days: int, windows: int) -> list[date]:
    """Cut-offs of the back-test, oldest first: one for each measured window, after one that gives the first weights.

    A fold at cut-off c is trained on what was known before c and tested on [c, c + horizon).
    """
    return [train_cutoff - timedelta(days=horizon_days * i) for i in range(windows + 1, 0, -1)]
