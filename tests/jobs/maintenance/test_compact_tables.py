"""Retention by hand-made cases, and sixty nights of small writes that leave a table no larger than its retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pyspark.sql import functions as F

from jobs.cli.pins import add_pin
from jobs.maintenance.compact_tables import Needed, expired
from libs.errors import OperatorError
from libs.registry.weights import checkpoints_uri, model_uri, save_arrays
from libs.spark import delta, maintenance
from libs.tables import MODELS, table
from tests.conftest import Warehouse

DAY = date(2020, 6, 30)


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def release(days_ago: int, **other: object) -> dict[str, object]:
    day = ago(days_ago)
    row: dict[str, object] = {"release_id": f"{day}-01", "as_of": day, "attempt": 1, "status": "published"}
    row |= {"model_versions": {}, "table_versions": {}, "languages": ["en"], "users": 1, "recommendations": 1}
    return row | {"stale": False, "warnings": [], "published_at": datetime(2020, 7, 1, tzinfo=UTC)} | other


def recommendation(days_ago: int) -> dict[str, object]:
    row: dict[str, object] = {"surface": "home", "context": "default", "user_id": "u", "rank": 1, "product_id": "p"}
    row |= {"score": 1.0, "contributions": {}, "attributions": [], "schema_version": 1}
    return row | {"release_id": f"{ago(days_ago)}-01", "as_of": ago(days_ago)}


def history(days_ago: int) -> dict[str, object]:
    return {"cutoff": ago(days_ago), "user_id": "u", "events": [], "owned": [], "disliked": []}


def model(days_ago: int, name: str = "als") -> dict[str, object]:
    row: dict[str, object] = {"model": name, "version": f"{name}-{days_ago}", "purpose": "record", "parameters": "{}"}
    return row | {"train_cutoff": ago(days_ago), "data_versions": {}, "code_version": "0", "fitted": "{}"}


def test_what_a_pinned_release_and_the_newest_model_rest_on_is_kept(warehouse: Warehouse) -> None:
    # Releases are kept 90 days, features 35. The horizon is 28 days, so histories are kept 63.
    warehouse.seed("results.releases", [release(d) for d in (0, 90, 91, 200)])
    warehouse.seed("results.recommendations", [recommendation(d) for d in (0, 90, 91, 200)])
    warehouse.seed("features.user_history", [history(d) for d in (0, 63, 64, 150, 200)])
    warehouse.seed("training.models", [model(d, name) for name in MODELS for d in (150, 160)])
    warehouse.seed("training.models", [model(140)])  # all past 90 days; of the newest training one model is there
    warehouse.seed("features.user_history", [history(0) | {"shop": "other", "cutoff": ago(999)}])
    for version in ("als-150", "als-160"):
        uri = model_uri(warehouse.conf.env.warehouse, "tiny", "als", version)
        save_arrays(uri, {"items": np.zeros((1, 2), np.float32)}, {})
    for shop in ("tiny", "other"):
        save_arrays(
            checkpoints_uri(warehouse.conf.env.warehouse, shop, "two_tower-1/epoch-0001"), {"a": np.ones(1)}, {}
        )
    add_pin(warehouse.spark, warehouse.conf.env.warehouse, "tiny", f"{ago(200)}-01", "a roll-back")
    warehouse.params = {"maintenance.compact_tables": {"vacuum_hours": 0}}
    warehouse.run("maintenance.compact_tables", start=str(ago(1)), end=str(DAY))
    kept = [(f"{ago(d)}-01",) for d in (200, 90, 0)]
    assert warehouse.rows("results.releases", "release_id") == kept
    assert warehouse.rows("results.recommendations", "release_id") == kept
    own = warehouse.read("features.user_history").where(F.col("shop") == "tiny")
    assert {row["cutoff"] for row in own.collect()} == {ago(d) for d in (0, 63, 150, 200)}
    assert warehouse.read("features.user_history").where(F.col("shop") == "other").count() == 1
    assert warehouse.rows("training.models", "version") == [(f"{name}-150",) for name in sorted(MODELS)]
    assert [path.name for path in (warehouse.folder / "models" / "tiny" / "als").iterdir()] == ["als-150"]
    left = (warehouse.folder / "checkpoints").rglob("two_tower-1")
    assert [path.parent.name for path in left] == ["other"]  # a fit that never ended


@pytest.mark.parametrize("name", ["silver.events", "bronze.reviews", "quality.ingest_counts", "results.pins"])
def test_what_history_is_made_from_has_no_retention(name: str) -> None:
    assert expired(table(name), table(name).retention_days, Needed(DAY, (), (), ())) is None


def test_a_retention_of_no_table_is_refused(warehouse: Warehouse) -> None:
    warehouse.params = {"maintenance.compact_tables": {"retention_days": {"silver.nothing": 7}}}
    with pytest.raises(OperatorError, match=r"retention_days: no table 'silver\.nothing'"):
        warehouse.run("maintenance.compact_tables")


def test_sixty_nights_leave_no_more_files_and_bytes_than_the_retention_needs(warehouse: Warehouse) -> None:
    spark, uri, name = warehouse.spark, warehouse.conf.env.warehouse, "features.user_history"
    warehouse.params = {"maintenance.compact_tables": {"vacuum_hours": 0, "retention_days": {name: 7}}}
    sizes = []
    for night in range(0, 60, 10):  # ten nights a write, each a file of its own, to spend less
        days = [DAY + timedelta(days=night + n) for n in range(10)]
        rows = [("tiny", day, f"{day}-{u}", [], [], []) for day in days for u in range(100)]
        frame = spark.createDataFrame(rows, table(name).ddl).repartitionByRange(10, "cutoff")
        delta.write(spark, uri, table(name), frame, "tiny", cutoffs=days)
        if night in (20, 50):
            warehouse.seed("results.releases", [release(-night - 9)])
            warehouse.run("maintenance.compact_tables", start=str(DAY), end=str(days[-1]))
            on_disk = list((warehouse.folder / "features" / "user_history" / "shop=tiny").glob("*.parquet"))
            sizes.append((*maintenance.sizes(spark, uri, table(name)), len(on_disk)))
    # Eight days in one file, whatever came before, and no other file left.
    assert [(files, on_disk) for files, _, on_disk in sizes] == [(1, 1)] * 2
    assert max(size for _, size, _ in sizes) < 1.2 * sizes[0][1]
    assert {row["cutoff"] for row in warehouse.collect(name)} == {DAY + timedelta(days=n) for n in range(52, 60)}
