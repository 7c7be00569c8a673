"""An alarm: what an operator should know and what to do about it. It names tables, jobs, days, never a user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from libs.conf.shop import ShopConf

Kind = Literal[
    "missing_day",
    "empty_day",
    "repeated_day",
    "volume",
    "freshness",
    "quarantine_rate",
    "null_rate",
    "drift",
    "failed_job",
    "failed_gate",
    "stale_models",
    "late_release",
]

ACTIONS: dict[Kind, str] = {
    "missing_day": "Bring them in: `reasonrec run ingest --start FIRST --end THE_DAY_AFTER`, then run tonight again.",
    "empty_day": "Ask the shop for the day's delivery. If it was closed, add the day to closed_days in its YAML.",
    "repeated_day": "Ask the shop for the right delivery, put it in place and run the day again: it replaces the copy.",
    "volume": "Look whether the delivery is whole, or holds rows twice; run the day again once it is fixed.",
    "freshness": "The delivery ends early: ask the shop for the rest of the day and run the day again.",
    "quarantine_rate": "quality.quarantine has the reasons: fix the delivery or its mapping, then run the day again.",
    "null_rate": "Look whether the source still fills the column and the mapping still names it; run the day again.",
    "drift": "Look whether the unit, the currency or the mapping of the column changed; run the day again once fixed.",
    "failed_job": "Read its error in quality.job_runs and the log, fix what it names, then run the same window again.",
    "failed_gate": "Nothing was published. Look at quality.audits and quality.gate_results, fix the cause, run again.",
    "stale_models": "Find out why training failed (quality.job_runs), then run the group `training` with --train.",
    "late_release": "See `reasonrec status` for how far the night came; if nothing ran, look at the scheduler.",
}


@dataclass(frozen=True)
class Alarm:
    """subject: the table, job or release it is about. message: what was found, in one line."""

    kind: Kind
    subject: str
    message: str

    @property
    def action(self) -> str:
        return ACTIONS[self.kind]


def due_day(shop: ShopConf, now: datetime) -> date | None:
    """The newest day whose release must be there at the instant `now`; None where the shop sets no publish_by."""
    if shop.publish_by is None:
        return None
    local = now.astimezone(ZoneInfo(shop.timezone))
    return local.date() if local.time() >= shop.publish_by else local.date() - timedelta(days=1)


def late_release(shop: ShopConf, as_of: date, now: datetime) -> Alarm | None:
    """The alarm where today's release is published only after publish_by; an older day is a backfill, never late."""
    today = now.astimezone(ZoneInfo(shop.timezone)).date()
    if as_of != today or due_day(shop, now) != today:
        return None
    return Alarm("late_release", str(as_of), f"the lists for {as_of} were published after {_clock(shop)}")


def missing_release(shop: ShopConf, newest: date | None, now: datetime) -> Alarm | None:
    """The alarm where a release that is due is not there at all; `newest` is the newest published day."""
    due = due_day(shop, now)
    if due is None or (newest is not None and newest >= due):
        return None
    told = f"the newest are for {newest}" if newest else "none were ever published"
    return Alarm("late_release", str(due), f"the lists for {due} are not there, due by {_clock(shop)}: {told}")


def _clock(shop: ShopConf) -> str:
    return f"{shop.publish_by:%H:%M} {shop.timezone}"
