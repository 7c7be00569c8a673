"""Several runs at once give what serial runs would give, or one clear conflict; readers never see a mix of releases."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from libs.errors import ConflictError
from libs.query.ask import ask
from libs.query.checksum import compare
from libs.spark import delta
from libs.tables import table
from tests.chaos.conftest import MONDAY, NIGHT, TUESDAY, WEDNESDAY, Shop
from tests.conftest import Warehouse

OLD = f"{MONDAY}-01"


@contextmanager
def looking(look: Callable[[], object]) -> Iterator[list[object]]:
    """Calls `look` repeatedly in a thread; yields the list of results and raises the error of a failed call."""
    results: list[object] = []
    errors: list[BaseException] = []
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.02):
            try:
                results.append(look())
            except BaseException as error:
                errors.append(error)
                return

    reader = threading.Thread(target=loop)
    reader.start()
    try:
        yield results
    finally:
        stop.set()
        reader.join()
    if errors:
        raise errors[0]


@pytest.mark.fault(
    "two runs of the same window at once", "two disjoint windows at once", "a reader querying all the while"
)
def test_processes_at_once_leave_what_one_after_another_would(shop: Shop, undisturbed: Shop, tmp_path: Path) -> None:
    with looking(shop.release) as seen:
        wednesday = ("--start", TUESDAY, "--end", WEDNESDAY)
        running = [shop.child("run", "ingest", *window) for window in (NIGHT, NIGHT, wednesday)]
        assert [child.wait().status for child in running] == [0, 0, 0], "\n".join(child.log for child in running)
        for group in ("features", "candidates"):
            shop.run(TUESDAY, start=MONDAY, job=group)
        running = [shop.child("run", "results", *NIGHT) for _ in range(2)]
        ends = sorted(child.wait().status for child in running)
    assert set(seen) == {OLD}
    # Either both were complete attempts, one after the other, or one failed with a conflict.
    assert ends in ([0, 0], [0, 2]), "\n".join(child.log for child in running)
    errors = [line for child in running for line in child.errors]
    assert len(errors) == ends.count(2)
    assert all("has rows of this attempt already" in line for line in errors)
    shop.run(TUESDAY, start=MONDAY, job="publish")
    assert shop.release() in (f"{TUESDAY}-01", f"{TUESDAY}-02")
    shutil.copytree(undisturbed.warehouse, tmp_path / "wh")
    serial = Shop(shop.spark, shop.root, tmp_path / "wh")
    serial.run(WEDNESDAY, start=TUESDAY, job="ingest")
    assert compare(serial.checksums(), shop.checksums())[0] == []


ROUNDS = 50


@pytest.mark.fault("50 seeded rounds of two writers and a reader")
def test_seeded_rounds_of_the_write_and_publish_protocol(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    play(warehouse, range(ROUNDS), monkeypatch)


@pytest.mark.fault("two writers of one release and a reader")
@pytest.mark.short
def test_two_rounds_of_the_write_and_publish_protocol(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    play(warehouse, range(2), monkeypatch)


def play(shop: Warehouse, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds with the commit lock of a local disk, and rounds without it, where Delta's own conflict check decides."""
    ends: list[str] = []
    with looking(lambda: look(shop)) as seen:
        for seed in seeds:
            with monkeypatch.context() as patch:
                if seed % 2:
                    patch.setattr(delta, "commit_lock", lambda path: nullcontext(False))
                ends += one_round(shop, seed)
    assert len(seen) > len(seeds)
    assert set(ends) <= {"done", "conflict"}, ends
    assert ends.count("done") >= len(seeds)


def look(shop: Warehouse) -> object:
    """Checks that a reader sees all rows of one writer, and no others."""
    uri = shop.conf.env.warehouse
    # One query, since two queries might see two releases.
    releases = ask(
        uri,
        """SELECT r.release_id, any_value(r.recommendations), count(t.user_id), count(DISTINCT t.product_id)
        FROM current_release AS r LEFT JOIN results.recommendations AS t USING (shop, release_id) GROUP BY 1""",
    ).fetchall()
    for _, expected, rows, writers in releases:
        assert (rows, writers) == (expected, 1), releases
    return releases


def one_round(shop: Warehouse, seed: int) -> list[str]:
    """Two writers of one day, of the same attempt or of two attempts; each ends as `done` or `conflict`."""
    rng = random.Random(seed)
    day = date(2020, 1, 1) + timedelta(days=seed)
    attempts = (1, 1) if rng.random() < 0.6 else (1, 2)
    far = rng.random() < 0.5  # whether the writers' windows are disjoint or the same
    delays = [[rng.uniform(0, 0.4) for _ in range(3)] for _ in range(2)]
    ends = ["", ""]

    def writer(number: int) -> None:
        try:
            write_and_publish(shop, f"w{number}", day, attempts[number], number if far else 0, delays[number])
            ends[number] = "done"
        except ConflictError:
            ends[number] = "conflict"
        except BaseException as error:
            ends[number] = repr(error)[:500]

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    uri = shop.conf.env.warehouse
    counts = ask(uri, "SELECT day, count(*) FROM quality.ingest_counts WHERE kind = ? GROUP BY 1", [f"{day}"])
    assert sorted(counts.fetchall()) == [(day + timedelta(days=500 * n), 1) for n in range(2 if far else 1)]
    doubled = "SELECT release_id, user_id FROM results.recommendations GROUP BY ALL HAVING count(*) > 1"
    assert ask(uri, doubled).fetchall() == []
    return ends


def write_and_publish(shop: Warehouse, name: str, day: date, attempt: int, far: int, delays: list[float]) -> None:
    """Writes what a night writes: a window's rows, a release's rows, and the row that publishes them."""
    release = f"{day}-{attempt:02d}"
    counted = day + timedelta(days=500 * far)
    row = {"period": f"{counted:%Y-%m}", "day": counted, "source": "s", "kind": f"{day}", "rows_in": 1, "silver": 1}
    time.sleep(delays[0])
    write(shop, "quality.ingest_counts", [row], window=(counted, counted + timedelta(days=1)))
    time.sleep(delays[1])
    listed = {"release_id": release, "surface": "home", "context": "default", "product_id": name, "as_of": day}
    rows = [listed | {"user_id": f"u{i}", "rank": 1, "score": 1.0} for i in range(3)]
    write(shop, "results.recommendations", rows, release_id=release)
    time.sleep(delays[2])
    write(shop, "results.releases", [
        {"release_id": release, "as_of": day, "attempt": attempt, "status": "published", "recommendations": 3,
         "published_at": datetime(2020, 1, 1, tzinfo=UTC)}
    ])  # fmt: skip


def write(shop: Warehouse, name: str, rows: list[dict[str, Any]], **where: Any) -> None:
    target, empty = table(name), {"map": {}, "array": [], "bool": False, "string": ""}
    full = [
        tuple(
            row.get(c.name, "tiny" if c.name == "shop" else None if c.nullable else next(
                (value for kind, value in empty.items() if c.type.startswith(kind)), 0))
            for c in target.columns
        )
        for row in rows
    ]  # fmt: skip
    frame = shop.spark.createDataFrame(full, target.ddl).coalesce(1)
    delta.write(shop.spark, shop.conf.env.warehouse, target, frame, shop.shop, **where)


@pytest.mark.fault("two first writers of one table")
@pytest.mark.short
def test_two_writers_that_both_create_the_table_lose_no_row(
    spark: SparkSession, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta, "commit_lock", lambda path: nullcontext(False))
    failed: list[BaseException] = []

    def create(day: int) -> None:
        first = date(2020, 1, day)
        row = {"period": "2020-01", "day": first, "source": "s", "kind": "k", "rows_in": day, "silver": day}
        try:
            write(warehouse, "quality.ingest_counts", [row], window=(first, first + timedelta(days=1)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=create, args=(day,)) for day in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert warehouse.rows("quality.ingest_counts", "rows_in") == [(1,), (2,), (3,)]
