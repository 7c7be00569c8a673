"""A stored warehouse, whose results.pins are of schema version 1, is taken on to a version 2 with one more column."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.maintenance import migrations
from jobs.walk import require_versions
from libs.errors import OperatorError
from libs.spark import delta
from libs.tables import TABLES, table
from libs.tables.table import Column
from tests.conftest import Warehouse

STORED = Path(__file__).resolve().parents[2] / "data" / "warehouse_v1"
PINS = "results.pins"
KEPT = [("tiny", 1, "2020-02-01-01", "odd prices"), ("tiny", 2, None, "mended")]


@pytest.fixture
def old(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """The stored warehouse, and code that knows a version 2 of its table."""
    shutil.copytree(STORED, warehouse.folder)
    columns = (*table(PINS).columns, Column("pinned_by", "string", "who"))
    monkeypatch.setitem(TABLES, PINS, replace(table(PINS), columns=columns, schema_version=2))
    return warehouse


def test_an_older_table_is_refused_and_the_job_named(old: Warehouse) -> None:
    with pytest.raises(OperatorError, match=r"results\.pins .* 1, .* needs 2: run maintenance\.migrate_tables"):
        require_versions(old.spark, old.conf, (old.context("publish.export").job,))
    with pytest.raises(OperatorError):
        old.read(PINS)


def test_migrated_rows_are_the_old_ones_with_the_step_taken(old: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    step = migrations.added("pinned_by", "string", "an operator")
    monkeypatch.setitem(migrations.MIGRATIONS, (PINS, 1), step)
    for _ in range(2):  # a second run has nothing to do
        old.run("maintenance.migrate_tables")
    assert old.rows(PINS, "shop", "seq", "release_id", "reason", "pinned_by") == [(*row, "an operator") for row in KEPT]
    assert delta.schema_version(old.spark, delta.uri(old.conf.env.warehouse, table(PINS))) == 2
    assert delta.version(old.spark, old.conf.env.warehouse, table(PINS)) == 1


def test_without_a_step_nothing_is_changed(old: Warehouse) -> None:
    with pytest.raises(OperatorError, match=r"results\.pins: nothing leads from schema version 1 to 2"):
        old.run("maintenance.migrate_tables")


def test_a_newer_table_is_refused_by_older_code(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, PINS, replace(table(PINS), schema_version=3))
    none = warehouse.spark.createDataFrame([], table(PINS).ddl)
    delta.create(none, delta.uri(warehouse.conf.env.warehouse, table(PINS)), table(PINS))
    monkeypatch.undo()
    with pytest.raises(OperatorError, match="does not go back"):
        warehouse.read(PINS)
    with pytest.raises(OperatorError, match="does not go back"):
        warehouse.run("maintenance.migrate_tables")


def test_each_raised_schema_version_has_its_steps() -> None:
    wanted = {(t.name, version) for t in TABLES.values() for version in range(1, t.schema_version)}
    assert wanted == set(migrations.MIGRATIONS)


OLD_ITEM = "struct<product_id:string,share:double>"


@pytest.mark.parametrize(
    ("name", "ddl", "row", "renamed"),
    [
        (
            "candidates.als",
            f"relative double, carriers array<{OLD_ITEM}>",
            (0.5, [("h", 0.25)]),
            {"normalized_score": 0.5, "attributions": [("h", 0.25)]},
        ),
        (
            "candidates.candidate_pool",
            f"sources array<struct<source:string,rank:int,relative:double,carriers:array<{OLD_ITEM}>>>",
            ([("als", 1, 0.5, [("h", 0.25)])],),
            {"sources": [("als", 1, 0.5, [("h", 0.25)])]},
        ),
        ("features.product_days", "takers bigint", (3,), {"buyers": 3}),
        (
            "results.evidence",
            "type string, slots map<string,string>, source_keys map<string,string>",
            ("aspect_praise", {"aspect": "mid"}, {"product_id": "p", "reviews": "r1,r2"}),
            {"type": "aspect_praise", "slots": {"aspect": "mid"}, "source_keys": {"product_id": "p"}}
            | {"review_ids": ["r1", "r2"]},
        ),
        (
            "results.evidence",
            "type string, slots map<string,string>, source_keys map<string,string>",
            ("taste_price_band", {"value": "mid", "count": "2"}, {"user_id": "u"}),
            {"type": "taste_price_band", "slots": {"value": "middle", "count": "2"}, "source_keys": {"user_id": "u"}}
            | {"review_ids": None},
        ),
        ("features.product_text", "tokens array<string>, text string", (["a"], "A"), {"text": "A"}),
        ("quality.audits", "told string", ("few",), {"message": "few"}),
    ],
)
def test_the_columns_that_stay_keep_their_values(
    warehouse: Warehouse, name: str, ddl: str, row: tuple[object, ...], renamed: dict[str, object]
) -> None:
    old = warehouse.spark.createDataFrame([row], ddl)
    found = migrations.MIGRATIONS[name, 1](old)
    types = {column.name: column.type for column in table(name).columns}
    assert dict(found.dtypes) == {column: types[column] for column in renamed}
    assert found.collect() == [tuple(renamed.values())]


def test_histories_and_ledgers_of_a_shop_without_signs_migrate(warehouse: Warehouse) -> None:
    events = [("a", "purchase"), ("b", "view")]
    old = warehouse.spark.createDataFrame([(events,)], "events array<struct<product_id:string,kind:string>>")
    [found] = migrations.MIGRATIONS["features.user_history", 1](old).collect()
    assert ([e["sign"] for e in found["events"]], found["disliked"]) == ([1, 0], [])
    ledger = warehouse.spark.createDataFrame([((["a"],),)], "earlier_totals struct<products:array<string>>")
    [row] = migrations.MIGRATIONS["features.user_ledger", 2](ledger).collect()
    assert row["earlier_totals"].asDict() == {"products": ["a"], "disliked": []}
