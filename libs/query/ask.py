"""SQL over the warehouse without Spark: DuckDB reads the Delta files, with every table and view under its name."""

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

_ONLY_SELECT = "not a query: only SELECT is allowed"


def connect(warehouse: str, sql: str) -> duckdb.DuckDBPyConnection:
    """A connection that can read the tables and views that `sql` names, and nothing else.

    A table that does not exist yet is empty. Files come from the table's log, so a reader sees one version.

    Raises:
        OperatorError: the SQL is not a valid SELECT.
    """
    connection = duckdb.connect()
    snapshots = _Snapshots(warehouse) if is_store(warehouse) else None
    if snapshots is not None:
        connection.register_filesystem(snapshots)  # DuckDB would download its own store client at run time
    names = _names_in(connection, sql)
    # Releases come first: a release is written after its rows, so the rows of every release seen here exist.
    for name in sorted(names, key=lambda name: name not in ("results.pins", "results.releases")):
        if name in TABLES:
            _register(connection, warehouse, TABLES[name], snapshots)
    for name in reversed(names):  # a view after the views and tables that it reads
        if name in VIEWS:
            # The SQL of a view is the project's own text (libs.tables.views), never a caller's.
            connection.execute(f'CREATE VIEW "{name}" AS {VIEWS[name].sql}')
    # From here on a query can neither open other files, nor install an extension, nor undo these settings.
    root = f"{warehouse.rstrip('/')}/" if is_store(warehouse) else urlparse(warehouse).path
    connection.execute("SET allowed_directories = [$root]", {"root": root})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(warehouse: str, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyRelation:
    """Runs one SELECT; each `?` in it stands for one of `parameters`.

    Raises:
        OperatorError: DuckDB's message in one line.
    """
    connection = connect(warehouse, sql)
    try:
        relation = connection.sql(sql, params=parameters)
    except duckdb.Error as error:
        raise OperatorError(_message(error, sql)) from None
    if relation is None:
        raise OperatorError(_ONLY_SELECT)
    return relation


def answer(warehouse: str, sql: str, parameters: list[Any] | None = None) -> pa.Table:
    """`ask` with all rows fetched: errors that appear only while reading rows (a cast) are OperatorErrors too."""
    relation = ask(warehouse, sql, parameters)
    try:
        return relation.fetch_arrow_table()
    except duckdb.Error as error:
        raise OperatorError(_message(error, sql)) from None


def _names_in(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The tables and views that the SQL names and that its views read; each once, after the views that read it."""
    try:
        kinds = {statement.type for statement in connection.extract_statements(sql)}
    except duckdb.Error as error:
        raise OperatorError(_one_line(error)) from None
    except TypeError:  # not text in UTF-8
        raise OperatorError("not a query: its bytes are not UTF-8") from None
    # EXPLAIN is refused as well: EXPLAIN ANALYZE runs its statement, even a COPY into the warehouse.
    if kinds - {duckdb.StatementType.SELECT}:
        raise OperatorError(_ONLY_SELECT)
    # A name inside a string only costs an extra registration; DuckDB's own name finder does not accept `?`.
    words = set(re.findall(r"\w+(?:\.\w+)?", sql.replace('"', "")))
    queue = sorted(words & {*TABLES, *VIEWS})
    names: list[str] = []
    while queue:
        name = queue.pop(0)
        if name in VIEWS:
            queue += VIEWS[name].reads
        if name in names:
            names.remove(name)
        names.append(name)
    return names


def _message(error: duckdb.Error, sql: str) -> str:
    """DuckDB's message in one line; for an unknown table, similar names of ours instead of DuckDB's system tables."""
    unknown = re.match(r'Catalog Error: Table with name "?([^"\s]+)"? does not exist', str(error))
    if unknown is None:
        return _one_line(error)
    written = [name for name in re.findall(r"\w+\.\w+", sql.replace('"', "")) if name.split(".")[1] == unknown[1]]
    return str(UnknownTableError(next(iter(written), unknown[1])))


class _Snapshots(AbstractFileSystem):  # type: ignore[misc]
    """The object store as DuckDB sees it, read only: the files of the registered snapshots and nothing else."""

    cachable = False

    def __init__(self, warehouse: str) -> None:
        super().__init__()
        parts = urlparse(warehouse)
        self.protocol, self.bucket = parts.scheme, f"{parts.scheme}://{parts.netloc}/"
        self.store, self.files, self.infos = filesystem(warehouse)[0], set[str](), dict[str, fs.FileInfo]()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path] if path in self.files else []

    def size(self, path: str) -> int:
        return int(self._info(path).size)

    def modified(self, path: str) -> datetime:
        time: datetime = self._info(path).mtime
        return time

    def _info(self, path: str) -> fs.FileInfo:
        """Fetched once: a data file never changes."""
        if path not in self.infos:
            self.infos[path] = self.store.get_file_info(path.removeprefix(self.bucket))
        return self.infos[path]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> ArrowFile:
        if mode != "rb" or path not in self.files:
            raise PermissionError(f"{path} is not a file of a table's newest version")
        return ArrowFile(self, self.store.open_input_file(path.removeprefix(self.bucket)), path, mode)


def _register(
    connection: duckdb.DuckDBPyConnection, warehouse: str, table: Table, snapshots: _Snapshots | None
) -> None:
    layer, name = table.name.split(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
    try:
        options = storage_options() if snapshots else None
        files = DeltaTable(f"{warehouse.rstrip('/')}/{layer}/{name}", storage_options=options).file_uris()
    except TableNotFoundError:
        files = []
    if not files:
        columns = ", ".join(f'"{c.name}" {duckdb_type(c.type)}' for c in table.columns)
        connection.execute(f'CREATE TABLE "{layer}"."{name}" ({columns})')
        return
    # DuckDB reads the files itself: with a pyarrow dataset it does not push down filters, and deltalake's dataset fails
    # on partitioned tables with the pyarrow version that petastorm needs.
    paths = files if snapshots else [unquote(file.removeprefix("file://")) for file in files]
    if snapshots:
        snapshots.files.update(paths)
    rows = connection.read_parquet(paths, hive_partitioning=True, union_by_name=True)
    typed = ", ".join(f'CAST("{c.name}" AS {duckdb_type(c.type)}) AS "{c.name}"' for c in table.columns)
    rows.project(typed).create_view(f"{layer}_{name}")
    connection.execute(f'CREATE VIEW "{layer}"."{name}" AS SELECT * FROM "{layer}_{name}"')  # noqa: S608


def duckdb_type(spark: str) -> str:
    """DuckDB's name for a Spark SQL type.

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
    """Splits at commas outside brackets."""
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
