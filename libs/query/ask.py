"""Asking the warehouse in SQL without Spark: DuckDB over the Delta files, every table and view by its name."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from fsspec import AbstractFileSystem
from fsspec.implementations.arrow import ArrowFile
from pyarrow import fs

from libs.errors import OperatorError
from libs.store import filesystem, is_store, storage_options
from libs.tables import TABLES, VIEWS, UnknownTableError
from libs.tables.table import Table


def connect(warehouse: str, sql: str) -> duckdb.DuckDBPyConnection:
    """A connection in which the tables and views that `sql` names stand under their names, and nothing else.

    A table that was never written is empty. Files are found through the table's log: a reader sees one version.

    Raises:
        OperatorError: the SQL cannot be read, or names a table that is not there.
    """
    connection = duckdb.connect()
    snapshots = _Snapshots(warehouse) if is_store(warehouse) else None
    if snapshots is not None:
        connection.register_filesystem(snapshots)  # DuckDB's own reader of stores is downloaded at run time
    named = _named(connection, sql)
    # What is published was written before its release: read after it, all of it is there.
    for name in sorted(named, key=lambda name: name not in ("results.pins", "results.releases")):
        if name in TABLES:
            _register(connection, warehouse, TABLES[name], snapshots)
    for name in reversed(named):  # views after what they read
        if name in VIEWS:
            # The SQL of a view is the project's own text (libs.tables.views), never a caller's.
            connection.execute(f'CREATE VIEW "{name}" AS {VIEWS[name].sql}')
    # From here on a question can neither open files nor install an extension, nor undo this.
    root = f"{warehouse.rstrip('/')}/" if is_store(warehouse) else urlparse(warehouse).path
    connection.execute("SET allowed_directories = [$root]", {"root": root})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(warehouse: str, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyRelation:
    """Answers one SELECT; `?` in it stand for `parameters`.

    Raises:
        OperatorError: one line with what DuckDB says.
    """
    connection = connect(warehouse, sql)
    try:
        relation = connection.sql(sql, params=parameters)
    except duckdb.Error as error:
        raise OperatorError(_told(error, sql)) from None
    if relation is None:
        raise OperatorError("not a question: only SELECT is answered here")
    return relation


def answer(warehouse: str, sql: str, parameters: list[Any] | None = None) -> pa.Table:
    """`ask`, answered whole: what only the rows show to be wrong (a cast) is an OperatorError too."""
    relation = ask(warehouse, sql, parameters)
    try:
        return relation.fetch_arrow_table()
    except duckdb.Error as error:
        raise OperatorError(_told(error, sql)) from None


def _named(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Names of tables and views in the SQL, followed by what the views read, each once and after what reads it."""
    try:
        kinds = {statement.type for statement in connection.extract_statements(sql)}
    except duckdb.Error as error:
        raise OperatorError(_one_line(error)) from None
    except TypeError:  # what is no text in UTF-8
        raise OperatorError("not a question: its bytes are not UTF-8") from None
    # EXPLAIN is none: EXPLAIN ANALYZE runs what it explains, a COPY into the warehouse too.
    if kinds - {duckdb.StatementType.SELECT}:
        raise OperatorError("not a question: only SELECT is answered here")
    # A name inside a string costs a registration, no more; DuckDB's own finder refuses a `?`.
    words = set(re.findall(r"\w+(?:\.\w+)?", sql.replace('"', "")))
    todo = sorted(words & {*TABLES, *VIEWS})
    found: list[str] = []
    while todo:
        name = todo.pop(0)
        if name in VIEWS:
            todo += VIEWS[name].reads
        if name in found:
            found.remove(name)
        found.append(name)
    return found


def _told(error: duckdb.Error, sql: str) -> str:
    """One line; for an unknown table with near names of our own, where DuckDB would name its system tables."""
    unknown = re.match(r'Catalog Error: Table with name "?([^"\s]+)"? does not exist', str(error))
    if unknown is None:
        return _one_line(error)
    written = [name for name in re.findall(r"\w+\.\w+", sql.replace('"', "")) if name.split(".")[1] == unknown[1]]
    return str(UnknownTableError(next(iter(written), unknown[1])))


class _Snapshots(AbstractFileSystem):  # type: ignore[misc]
    """A store as DuckDB sees it: the files of the snapshots that were registered, to read, and nothing else."""

    cachable = False

    def __init__(self, warehouse: str) -> None:
        super().__init__()
        parts = urlparse(warehouse)
        self.protocol, self.bucket = parts.scheme, f"{parts.scheme}://{parts.netloc}/"
        self.store, self.files, self.known = filesystem(warehouse)[0], set[str](), dict[str, fs.FileInfo]()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path] if path in self.files else []

    def size(self, path: str) -> int:
        return int(self._looked_up(path).size)

    def modified(self, path: str) -> datetime:
        time: datetime = self._looked_up(path).mtime
        return time

    def _looked_up(self, path: str) -> fs.FileInfo:
        """Asked of the store once: a data file never changes."""
        if path not in self.known:
            self.known[path] = self.store.get_file_info(path.removeprefix(self.bucket))
        return self.known[path]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> ArrowFile:
        if mode != "rb" or path not in self.files:
            raise PermissionError(f"{path} is no file of a table's newest version")
        return ArrowFile(self, self.store.open_input_file(path.removeprefix(self.bucket)), path, mode)


def _register(
    connection: duckdb.DuckDBPyConnection, warehouse: str, found: Table, snapshots: _Snapshots | None
) -> None:
    layer, name = found.name.split(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
    try:
        options = storage_options() if snapshots else None
        files = DeltaTable(f"{warehouse.rstrip('/')}/{layer}/{name}", storage_options=options).file_uris()
    except TableNotFoundError:
        files = []
    if not files:
        columns = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in found.columns)
        connection.execute(f'CREATE TABLE "{layer}"."{name}" ({columns})')
        return
    # DuckDB reads the snapshot's files itself: handed over as a pyarrow dataset, filters are not pushed down, and
    # deltalake's own dataset fails on partitioned tables with the pyarrow that petastorm holds us to.
    paths = files if snapshots else [unquote(file.removeprefix("file://")) for file in files]
    if snapshots:
        snapshots.files.update(paths)
    rows = connection.read_parquet(paths, hive_partitioning=True, union_by_name=True)
    typed = ", ".join(f'CAST("{c.name}" AS {duckdb_type(c.type)}) AS "{c.name}"' for c in found.columns)
    rows.project(typed).create_view(f"{layer}_{name}")
    connection.execute(f'CREATE VIEW "{layer}"."{name}" AS SELECT * FROM "{layer}_{name}"')  # noqa: S608


def duckdb_type(spark: str) -> str:
    """DuckDB's name of a Spark SQL type.

    >>> duckdb_type("array<struct<product_id:string,attribution_share:double>>")
    'STRUCT("product_id" VARCHAR, "attribution_share" DOUBLE)[]'
    >>> duckdb_type("map<string,decimal(18,4)>")
    'MAP(VARCHAR, DECIMAL(18,4))'
    """
    if spark.startswith("array<"):
        return f"{duckdb_type(spark[6:-1])}[]"
    if spark.startswith("map<"):
        key, value = _split(spark[4:-1])
        return f"MAP({duckdb_type(key)}, {duckdb_type(value)})"
    if spark.startswith("struct<"):
        fields = [part.split(":", 1) for part in _split(spark[7:-1])]
        return "STRUCT(" + ", ".join(f'"{name}" {duckdb_type(kind)}' for name, kind in fields) + ")"
    return {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "int": "INTEGER"}.get(spark, spark.upper())


def _split(text: str) -> list[str]:
    """Parts at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "<(") - (char in ">)")
        if char == "," and not depth:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("LINE")]
    return " ".join(lines[:2])
