"""The scale benchmarks, on figures of made-up nights."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

from tests.benchmarks import scale, scale_needs, skew


def test_examples():
    for module in (scale, scale_needs):
        assert doctest.testmod(module).failed == 0


def test_a_task_is_its_jobs_in_whose_time_it_was_launched(tmp_path):
    log = tmp_path / "events"
    tasks = [(1000, 1400), (1999, 9000), (2000, 2100), (5000, 5001)]
    events = [
        {"Event": "SparkListenerTaskEnd", "Task Info": {"Launch Time": begin, "Finish Time": end}}
        for begin, end in tasks
    ]
    lines = [json.dumps(event, separators=(",", ":")) for event in [{"Event": "SparkListenerJobStart"}, *events]]
    log.write_text("\n".join(lines))
    jobs = [{"started_ms": 1000, "seconds": 1.0}, {"started_ms": 2000, "seconds": 2.0}]
    scale.with_tasks(jobs, log)
    assert [(job["tasks"], job["longest_task_s"]) for job in jobs] == [(2, 7.001), (1, 0.1)]


def night(events: int, users: int, products: int, **cpu: float) -> dict[str, object]:
    cost = {"seconds": 0.0, "peak_memory_bytes": 0, "bytes_read": 0, "bytes_shuffled": 0, "longest_task_s": 0.0}
    run = {"events": events, "users": users, "products": products, "cpu_s": 60.0, "peak_pss_gib": 2.0}
    return {"run": run, "jobs": {name.replace("_", ".", 1): cost | {"cpu_seconds": s} for name, s in cpu.items()}}


@pytest.mark.parametrize(
    ("events_cpu", "top_k_cpu", "status"),
    [(105.0, 1005.0, 0), (205.0, 1005.0, 1), (105.0, 2005.0, 1)],
)
def test_a_jobs_cpu_may_grow_as_events_and_that_of_top_k_as_users_times_products(events_cpu, top_k_cpu, status, capsys):
    nights = {
        scale.EMPTY: night(10**3, 10, 10, ingest_silver=5.0, candidates_als=5.0, short_job=5.0, training_als=5.0),
        10**6: night(10**6, 100, 100, ingest_silver=15.0, candidates_als=15.0, short_job=6.0, training_als=6.0),
        10**7: night(
            10**7, 1000, 1000, ingest_silver=events_cpu, candidates_als=top_k_cpu, short_job=34.0, training_als=900.0
        ),
    }
    costs = scale.table(nights)
    assert set(costs) == {"ingest.silver", "candidates.als", "short.job"}  # training is not held against a limit
    # From 1 s to 29 s; with a noise of 2 s it may have grown from 3 s.
    assert costs["short.job"].power > scale.POWER > costs["short.job"].least
    assert scale.verdict(nights, costs, {10**5: 100.0, 10**6: 119.0}) == status
    assert scale.verdict(nights, costs, {10**5: 100.0, 10**6: 121.0}) == 1


def test_an_uneven_shop_is_held_against_the_even_one_job_by_job(capsys):
    def job(cpu: float, task: float) -> dict[str, float]:
        return {"cpu_seconds": cpu, "longest_task_s": task}

    even = {"a": job(10.0, 4.0), "b": job(0.1, 0.1), "training.x": job(1.0, 1.0)}
    uneven = {"a": job(12.0, 10.0), "b": job(1.9, 0.9), "training.x": job(90.0, 90.0)}
    assert skew.compared("x", even, uneven) == 1.0  # the longest task of a, twice 4 s and 1 s of noise
    uneven = {"a": job(27.0, 4.0), "b": job(1.9, 0.9), "training.x": job(90.0, 90.0)}
    assert skew.compared("x", even, uneven) == 1.5  # the CPU of a, 1.5 times the limit of 1.5 times 10 s and 2 s


def test_the_page_tells_what_its_own_figures_give():
    rows = [line.split("|")[1:-1] for line in scale_needs.PAGE.read_text().splitlines() if line.startswith("| ")]
    jobs = [[cell.strip().replace(",", "") for cell in row] for row in rows if "." in row[0] and len(row) == 8]
    unit_of_name = {name: unit for unit, name in scale_needs.NAMES.items()}
    counts = {
        row[0].strip(): [int(cell.replace(",", "")) for cell in row[1:]]
        for row in rows
        if row[0].strip() in unit_of_name
    }
    grows = {
        row[0]: scale_needs.unit_of(row[0]) or scale_needs.unit_of(row[0], scale_needs.OF_TRAINING) for row in jobs
    }
    assert set(grows.values()) == set(scale_needs.OF)
    for name, unit, small, large, each_ms, hours, _, _ in jobs:
        fewer, more, wanted = counts[unit]
        slope = max(float(large) - float(small), 0) / (more - fewer)
        assert grows[name] == unit_of_name[unit]
        assert float(each_ms) == pytest.approx(1000 * slope, rel=0.05, abs=2e-3)
        assert float(hours) == pytest.approx(float(each_ms) / 1000 * wanted / 3600, rel=0.01, abs=1)


def test_nights_that_are_not_there_are_named(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["scale_needs", "--keep", "gone", "--small", "1", "--large", "2"])
    with pytest.raises(SystemExit, match="2"):
        scale_needs.main()
    assert f"no figures at {Path('gone/online_retail-1/figures.json')}" in capsys.readouterr().err
