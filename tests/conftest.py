"""One Spark session for all tests, and a context for any job over a warehouse of its own."""

from __future__ import annotations

import gc
import importlib
import json
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from jobs.catalog import get_job
from libs.conf import Conf, load
from libs.conf.shop import ShopConf
from libs.job import JobContext, Run
from libs.query.ask import answer
from libs.spark import delta
from libs.spark.session import build_session
from libs.tables import Table, table
from libs.window import Window

ROOT = Path(__file__).resolve().parent.parent
SHOP = {
    "name": "tiny",
    "sources": {
        "orders": {
            "kind": "transactions",
            "path": "orders.csv",
            "format": "csv",
            "columns": {
                "order_id": "order_id",
                "product_id": "product_id",
                "event_time": "at",
                "quantity": "quantity",
                "price": "price",
            },
        }
    },
}


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    return build_session(load(ROOT / "conf", "test", None).env, "reasonrec-tests")


class Warehouse:
    """A warehouse in a folder of the test's own: seed tables, run jobs, read tables."""

    def __init__(self, spark: SparkSession, folder: Path, **shop: object) -> None:
        self.spark = spark
        self.folder = folder
        env = load(ROOT / "conf", "test", None).env.model_copy(update={"warehouse": folder.as_uri()})
        self.conf = Conf(ROOT / "conf", env, ShopConf.model_validate(SHOP | shop), {})
        self.params: dict[str, dict[str, object]] = {}
        self.secrets = {"pseudonym_key": "0" * 64}

    @property
    def shop(self) -> str:
        assert self.conf.shop is not None
        return self.conf.shop.name

    def context(
        self,
        job: str,
        start: str = "2020-01-01",
        end: str = "2020-02-01",
        cutoffs: tuple[str, ...] | None = None,
        folds: tuple[str, ...] = (),
        train_cutoff: str | None = None,
        release_id: str = "2020-02-01-01",
        attempt: int = 1,
    ) -> JobContext:
        """A job's context. `cutoffs` default to the window's end (and the folds); the training day to the window's end."""
        window = Window(date.fromisoformat(start), date.fromisoformat(end))
        fold_days = tuple(map(date.fromisoformat, folds))
        days = tuple(map(date.fromisoformat, cutoffs)) if cutoffs else tuple(sorted({window.end, *fold_days}))
        trained = date.fromisoformat(train_cutoff) if train_cutoff else window.end
        conf = Conf(self.conf.root, self.conf.env, self.conf.shop, self.params)  # type: ignore[arg-type]
        run = Run("test", conf, window, days, trained, fold_days, release_id, attempt, "0.test")
        return JobContext(self.spark, run, get_job(job), self.secrets)

    def run(self, job: str, **context: object) -> JobContext:
        """Runs a job; its context tells what it read and wrote."""
        ctx = self.context(job, **context)  # type: ignore[arg-type]
        try:
            importlib.import_module(f"jobs.{job}").run(ctx)
        finally:
            ctx.free()  # as the walk does after each job
        return ctx

    def seed(self, name: str, rows: DataFrame | list[dict[str, object]]) -> None:
        """Appends rows to a table; columns left out are null, `shop` and `period` are filled in."""
        found = table(name)
        path = delta.uri(self.conf.env.warehouse, found)
        if isinstance(rows, DataFrame):
            if delta.exists(self.spark, self.conf.env.warehouse, found):
                rows.write.format("delta").mode("append").save(path)
            else:
                delta.create(rows, path, found)
            return
        defaults: dict[str, object] = {"shop": self.shop, "period": "2020-01"}
        full = [{c: row.get(c, defaults.get(c)) for c in found.column_names} for row in rows]
        # Not by Spark, whose commit of a few rows takes most of a second, a thousand times.
        write_deltalake(path, arrow_table(full, found.ddl), mode="append", partition_by=list(found.partitioned_by))
        mark_version(self.folder, found)

    def seed_events(self, rows: list[dict[str, object]], *sums: str) -> None:
        """Appends rows to silver.events and runs the jobs that add them up day by day (products.product_days)."""
        self.seed("silver.events", rows)
        for job in sums or ("products.product_days",):
            self.run(job, start="2019-01-01", end="2020-03-01")

    def read(self, name: str) -> DataFrame:
        return delta.read(self.spark, self.conf.env.warehouse, table(name))

    def collect(self, name: str) -> list[Row]:
        """A table's rows as Spark gives them."""
        # Not by Spark, which plans a query for as long as the job took that wrote the rows.
        found = answer(self.conf.env.warehouse, f"SELECT * FROM {name}")
        columns = [[python_value(one, column.type) for one in column.to_pylist()] for column in found.columns]
        made = Row(*found.column_names)
        return [made(*row) for row in zip(*columns, strict=True)]

    def own(self, name: str) -> list[Row]:
        """A table's rows of this shop."""
        return [row for row in self.collect(name) if row["shop"] == self.shop]

    def rows(self, name: str, *columns: str) -> list[tuple[object, ...]]:
        """A table's rows as sorted tuples of the named columns."""
        return sorted(tuple(row[column] for column in columns) for row in self.collect(name))


def mark_version(folder: Path, of: Table) -> None:
    """Puts the schema version among the properties of a table's first commit: delta-rs takes none it does not know."""
    commit = folder / of.layer / of.name.split(".")[1] / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"].setdefault(delta.SCHEMA_VERSION, str(of.schema_version))
    commit.write_text("\n".join(map(json.dumps, actions)))


@cache
def arrow_schema(ddl: str) -> pa.Schema:
    return to_arrow_schema(StructType.fromDDL(ddl))


def arrow_table(rows: list[dict[str, object]], ddl: str) -> pa.Table:
    """Rows as Spark's createDataFrame takes them."""
    schema = arrow_schema(ddl)
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    columns = [[arrow_value(row[field.name], field.type) for row in rows] for field in schema]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=nullable
    )


def arrow_value(value: Any, kind: pa.DataType) -> object:
    """Maps as pairs, structs (tuples or dicts) as dicts."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(key, arrow_value(one, kind.item_type)) for key, one in value.items()]
    if pa.types.is_list(kind):
        return [arrow_value(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        own = value if isinstance(value, dict) else dict(zip((field.name for field in kind), value, strict=True))
        return {field.name: arrow_value(own.get(field.name), field.type) for field in kind}
    return float(value) if pa.types.is_floating(kind) else value


def python_value(value: Any, kind: pa.DataType) -> object:
    """A value of Arrow's as Spark's rows have it."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {key: python_value(one, kind.item_type) for key, one in value}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [python_value(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        return Row(*(field.name for field in kind))(*(python_value(value[field.name], field.type) for field in kind))
    # An instant is told in the machine's own zone, without a word of it.
    return value.astimezone().replace(tzinfo=None) if pa.types.is_timestamp(kind) else value


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    """A warehouse of a shop named tiny, with order lines only."""
    return Warehouse(spark, tmp_path / "warehouse")


@pytest.fixture
def make_warehouse(spark: SparkSession, tmp_path: Path) -> Callable[..., Warehouse]:
    """A warehouse of a shop with settings of the test's own: make_warehouse(action="review", ...)."""
    return lambda **shop: Warehouse(spark, tmp_path / "warehouse", **shop)


def pytest_collection_finish() -> None:
    """What imports left lives as long as the tests: collecting garbage need not look through it each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()
