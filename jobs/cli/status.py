"""What `reasonrec status` prints: a few lines a shop, which fit a terminal of 80 columns."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from libs.logs import visible

Answer = Callable[[str], pa.Table]
_WIDTH, _INDENT = 79, 12
_ALARMS = 3  # shown of a shop

_RELEASES = """
    SELECT shop, release_id, as_of, users, recommendations, stale, warnings, published_at FROM current_release"""
_MODELS = """
    SELECT shop, model, train_cutoff, arg_max(fitted, version) AS fitted FROM (
        SELECT *, max(train_cutoff) OVER (PARTITION BY shop, model) AS newest FROM training.models
        WHERE purpose = 'record') AS models
    WHERE train_cutoff = newest GROUP BY shop, model, train_cutoff ORDER BY shop, model"""
_JOBS = """
    SELECT shop, job, status, seconds, window_start, window_end, started_at, error
    FROM (SELECT *, max(started_at) OVER (PARTITION BY shop, run_id) AS run_at,
                 max(started_at) OVER (PARTITION BY shop) AS last_at FROM quality.job_runs) AS runs
    WHERE run_at = last_at ORDER BY shop, started_at"""
_RAISED = """
    SELECT shop, raised_at, kind, subject, message, action FROM quality.alarms ORDER BY raised_at DESC, subject"""

Rows = list[dict[str, Any]]


def status(answer: Answer) -> str:
    """The lines of all shops; `answer` runs one query."""
    queries = {"releases": _RELEASES, "models": _MODELS, "jobs": _JOBS, "alarms": _RAISED}
    rows = {name: answer(query).to_pylist() for name, query in queries.items()}
    shops = sorted({row["shop"] for of_kind in rows.values() for row in of_kind})
    if not shops:
        return "no shop has run yet\n"
    parts = [
        shop_lines(shop, **{name: [row for row in of_kind if row["shop"] == shop] for name, of_kind in rows.items()})
        for shop in shops
    ]
    return visible("\n".join(line for part in parts for line in [*part, ""]))


def shop_lines(shop: str, releases: Rows, models: Rows, jobs: Rows, alarms: Rows) -> list[str]:
    """A shop's lines: its release and warnings, models, last run, last alarms."""
    lines, published = [shop], releases[0] if releases else None
    if published:
        stale = ", with older models (stale)" if published["stale"] else ""
        lines += _told("release", f"{published['release_id']}, published {_minute(published['published_at'])}:"
                       f" {published['users']} users, {published['recommendations']} rows{stale}")  # fmt: skip
        for warning in published["warnings"] or []:
            lines += _told("warning", warning)
    else:
        lines += _told("release", "none yet")
    for day in sorted({row["train_cutoff"] for row in models}, reverse=True):
        own = {row["model"]: json.loads(row["fitted"]).get("left_out") for row in models if row["train_cutoff"] == day}
        fitted, left_out = [m for m, why in own.items() if not why], [m for m, why in own.items() if why]
        age = f", {(published['as_of'] - day).days} days old at the release" if published else ""
        told = f"of {day}{age}: {', '.join(fitted)}" + (f"; left out: {', '.join(left_out)}" if left_out else "")
        lines += _told("models", told)
    lines += _told("last run", _run(jobs)) if jobs else []
    for alarm in alarms[:_ALARMS]:
        about = f"{_minute(alarm['raised_at'])} {alarm['kind']} {alarm['subject']}"
        lines += _told("alarm", f"{about}: {alarm['message']}. {alarm['action']}")
    if len(alarms) > _ALARMS:
        lines += _told("", f"{len(alarms) - _ALARMS} earlier alarms are in quality.alarms")
    return lines


def _run(jobs: Rows) -> str:
    first, slowest = jobs[0], max(jobs, key=lambda row: row["seconds"])
    window = f"[{first['window_start']}, {first['window_end']})"
    cost = f"{len(jobs)} jobs, {sum(row['seconds'] for row in jobs):.0f} s, longest {slowest['job']}"
    failed = [f"; {row['job']} failed: {row['error']}" for row in jobs if row["status"] == "failed"]
    return f"{_minute(first['started_at'])} for {window}: {cost} {slowest['seconds']:.0f} s{''.join(failed)}"


def _minute(instant: Any) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _told(label: str, text: str) -> list[str]:
    gap = " " * _INDENT
    return textwrap.wrap(text, _WIDTH, initial_indent=f"  {label:<{_INDENT - 2}}", subsequent_indent=gap)
