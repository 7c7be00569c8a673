"""`reasonrec status`: what it says of a shop, and that it fits a terminal."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from jobs.cli.status import shop_lines, status
from libs.query.ask import answer

AT = datetime(2020, 3, 2, 4, 5, tzinfo=UTC)


def test_a_shop_fits_a_screen_and_says_what_is_left_out_failed_and_warned_of():
    warning = "each learned source lists products: two_tower: no user took anything after something else yet"
    release = {"release_id": "2020-03-02-01", "as_of": date(2020, 3, 2), "users": 60, "recommendations": 480,
               "stale": False, "warnings": [warning], "published_at": AT}  # fmt: skip
    models = [
        {"model": name, "train_cutoff": date(2020, 2, 24), "fitted": json.dumps(fitted)}
        for name, fitted in (("als", {}), ("fusion", {}), ("two_tower", {"left_out": "too thin"}))
    ]
    jobs = [
        {"job": f"stage.job_{i:02d}", "status": "done", "seconds": float(i), "error": None, "started_at": AT,
         "window_start": date(2020, 3, 1), "window_end": date(2020, 3, 2)}
        for i in range(45)
    ]  # fmt: skip
    jobs[-1] |= {"status": "failed", "error": "GateError: audit failed, nothing is published"}
    alarm = {"raised_at": AT, "kind": "failed_gate", "subject": "evaluation.audit", "message": "m", "action": "Look."}
    lines = shop_lines("corner", [release], models, jobs, [alarm] * 5)
    assert len(lines) <= 20 and max(map(len, lines)) < 80
    assert lines[:4] == [
        "corner",
        "  release   2020-03-02-01, published 2020-03-02 04:05: 60 users, 480 rows",
        "  warning   each learned source lists products: two_tower: no user took",
        "            anything after something else yet",
    ]
    text = " ".join(" ".join(lines).split())
    assert "models of 2020-02-24, 7 days old at the release: als, fusion; left out: two_tower" in text
    # 0 + 1 + ... + 44 seconds
    assert "for [2020-03-01, 2020-03-02): 45 jobs, 990 s, longest stage.job_44 44 s; stage.job_44 failed: Gate" in text
    assert text.count("failed_gate evaluation.audit: m. Look.") == 3 and "2 earlier alarms" in text
    assert shop_lines("new", [], [], [], [])[1] == "  release   none yet"


def test_status_reads_a_warehouse_and_an_empty_one(warehouse):
    uri = warehouse.conf.env.warehouse
    assert status(lambda query: answer(uri, query)) == "no shop has run yet\n"
    fit = {"purpose": "record", "train_cutoff": date(2020, 2, 24), "parameters": "{}", "data_versions": {}}
    fit |= {"model": "als", "code_version": "0"}
    # A fit of the day that succeeded counts, not one before it that had nothing to learn from.
    warehouse.seed("training.models", [
        fit | {"version": "als-2020-02-24-record", "fitted": '{"left_out": "too thin"}'},
        fit | {"version": "als-2020-02-24-record-1", "fitted": "{}"},
    ])  # fmt: skip
    assert status(lambda query: answer(uri, query)).splitlines()[:3] == [
        "tiny", "  release   none yet", "  models    of 2020-02-24: als",
    ]  # fmt: skip
