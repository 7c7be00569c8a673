"""SIGKILL of the driver at each kind of commit: readers see the old or the new release, and a rerun repairs all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tests.chaos.conftest import MONDAY, NIGHT, TUESDAY, Shop
from tests.chaos.faults import commits, data_files

OLD, NEW = f"{MONDAY}-01", f"{TUESDAY}-01"


def orphans(path: Path) -> set[Path]:
    """Data files on disk that the table's newest version does not have."""
    live = {Path(unquote(urlparse(file).path)) for file in DeltaTable(str(path)).file_uris()}
    return data_files(path) - live


@pytest.mark.fault(
    "driver killed before a write",
    "driver killed with files staged without a log entry",
    "driver killed after table A and before B",
)
def test_killed_while_the_day_comes_in(shop: Shop, equal: Callable[[Shop], None]) -> None:
    """Each rerun is killed a little later than the one before, as on a machine that keeps failing."""
    silver = shop.warehouse / "silver" / "reviews"
    at_first = commits(silver)
    for fault in ("kill_before:bronze.reviews", "kill_staged:silver.reviews", "kill_after:silver.reviews"):
        child = shop.child("run", "daily", *NIGHT, fault=fault).wait()
        assert child.killed, child.log
        assert shop.release() == OLD
        if "staged" in fault:
            assert commits(silver) == at_first
            staged = orphans(silver)
            assert staged
    assert commits(silver) != at_first
    shop.run(TUESDAY, start=MONDAY)
    assert shop.release() == NEW
    equal(shop)
    assert staged <= orphans(silver)
    shop.vacuum("silver.reviews")
    assert not staged & orphans(silver)
    equal(shop)


@pytest.mark.fault(
    "driver killed with half a release written",
    "driver killed when audited and not released",
    "driver killed when released and the caller not told",
)
def test_killed_while_a_release_is_made(shop: Shop, equal: Callable[[Shop], None]) -> None:
    for group in ("ingest", "features", "candidates"):
        shop.run(TUESDAY, start=MONDAY, job=group)
    for group, fault, seen in (
        ("results", "kill_after:results.recommendations", OLD),
        ("results", "", OLD),  # the rerun is a new attempt
        ("publish", "kill_before:results.releases", OLD),
        ("publish", "kill_after:results.releases", f"{TUESDAY}-02"),
    ):
        child = shop.child("run", group, *NIGHT, fault=fault).wait()
        assert child.killed if fault else child.status == 0, child.log
        assert shop.release() == seen
    shop.run(TUESDAY, start=MONDAY, job="publish")
    assert shop.release() == f"{TUESDAY}-02"
    assert shop.rows("SELECT count(*) FROM results.releases") == [(2,)]
    equal(shop)


@pytest.mark.fault("driver killed in the first load of all")
def test_killed_while_the_first_window_comes_in(spark: SparkSession, conf_root: Path, tmp_path: Path) -> None:
    shop = Shop(spark, conf_root, tmp_path / "wh")
    first = ("--start", "1998-01-01", "--end", MONDAY)
    child = shop.child("run", "ingest", *first, fault="kill_staged:silver.reviews").wait()
    assert child.killed, child.log
    assert data_files(shop.warehouse / "silver" / "reviews")
    assert shop.rows("SELECT count(*) FROM silver.reviews") == [(0,)]
    shop.run(MONDAY, job="ingest")
    [(rows, silver)] = shop.rows("SELECT sum(rows_in), sum(silver) FROM quality.ingest_counts WHERE source = 'reviews'")
    assert rows > 150
    assert shop.rows("SELECT count(*), count(DISTINCT row_id) FROM silver.reviews") == [(silver, silver)]


@pytest.mark.fault("driver killed with a model written and not recorded")
def test_killed_between_a_models_files_and_its_row(shop: Shop) -> None:
    """Monday's training again, with `--train`: the row does not change, and the files are those that it names."""
    row = "SELECT version, checksum FROM training.models WHERE model = 'als' ORDER BY 1"
    before = shop.rows(row)
    child = shop.child(
        "run", "training.als", "--start", "1998-01-01", "--end", MONDAY, "--train", fault="kill_before:training.models"
    ).wait()
    assert child.killed, child.log
    assert shop.rows(row) == before
    assert shop.release() == OLD


@pytest.mark.fault("driver killed in the middle of OPTIMIZE", "driver killed in the middle of VACUUM")
def test_killed_while_a_table_is_tidied(shop: Shop) -> None:
    path = shop.warehouse / "results" / "explanations"
    rows = shop.spark.read.format("delta").load(str(path))
    rows.repartition(6).write.format("delta").mode("overwrite").save(str(path))  # so that there is work to do
    before = [checksum for checksum in shop.checksums() if checksum.table == "results.explanations"]
    for number in range(300):  # as a killed write leaves them
        (path / f"part-{number:05d}-left-over.snappy.parquet").write_bytes(b"PAR1" * 1000)
    for fault in ("kill_in_optimize:results.explanations", "kill_in_vacuum:results.explanations"):
        child = shop.child(fault=fault).wait()
        assert child.killed, child.log
        assert shop.release() == OLD
    assert 0 < len(list(path.glob("*left-over*"))) < 300
    shop.optimize("results.explanations")
    shop.vacuum("results.explanations")
    assert not orphans(path)
    assert before == [checksum for checksum in shop.checksums() if checksum.table == "results.explanations"]
    assert shop.release() == OLD
