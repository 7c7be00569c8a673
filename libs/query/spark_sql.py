"""Spark SQL over the warehouse, with every table and view under its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from libs.errors import OperatorError
from libs.spark import delta
from libs.spark.session import with_settings
from libs.tables import TABLES, VIEWS, UnknownTableError

_FILES = "spark.sql.runSQLOnFiles"  # FROM csv.`path`


def ask(spark: SparkSession, warehouse: str, sql: str) -> DataFrame:
    """Runs one SELECT in Spark SQL; registers the tables and views that it names.

    Raises:
        OperatorError: it is another statement, reads a file, calls Java or a shell, or is not valid SQL.
    """
    try:
        # Only a SELECT parses as a subquery. This text is only parsed, never run.
        spark._jsparkSession.sessionState().sqlParser().parsePlan(f"SELECT * FROM (\n{sql}\n)")  # noqa: S608  (never run)
    except ParseException as error:
        lines = str(error).strip().splitlines() or [""]
        raise OperatorError(f"not a query, only SELECT is allowed: {lines[0]}") from None
    # To the parser, SELECT TRANSFORM, MAP or REDUCE (...) USING 'a shell command' is a query too.
    if re.search(r"\busing\s*r?['\"]", sql, re.IGNORECASE):
        raise OperatorError("a query may not run a command: TRANSFORM ... USING is not allowed")
    register(spark, warehouse, names_in(sql))
    try:
        with with_settings(spark, {_FILES: "false"}):
            return spark.sql(sql)
    except AnalysisException as error:
        if error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
            name = (error.getMessageParameters() or {}).get("relationName", "")
            raise OperatorError(str(UnknownTableError(name.replace("`", "")))) from None
        raise OperatorError(str(error).strip().splitlines()[0]) from None


def names_in(sql: str) -> list[str]:
    """The tables and views that the SQL names. A name inside a string only costs an extra registration."""
    unquoted = sql.replace("`", "")
    return [name for name in (*TABLES, *VIEWS) if re.search(rf"(?<![\w.]){re.escape(name)}\b", unquoted, re.IGNORECASE)]


def view(spark: SparkSession, warehouse: str, name: str) -> DataFrame:
    """The rows of a view of libs.tables.views."""
    register(spark, warehouse, [name])
    return spark.table(name)


def with_reads(names: Iterable[str]) -> list[str]:
    """The names together with everything that their views read; each once, after what it reads."""
    ordered: dict[str, None] = {}
    for name in names:
        if name in VIEWS:
            ordered |= dict.fromkeys(with_reads(VIEWS[name].reads))
        ordered[name] = None
    return list(ordered)


def register(spark: SparkSession, warehouse: str, names: Iterable[str]) -> None:
    """Registers tables and views, and what they read, in the session's catalog; writes nothing into the warehouse.

    A table is registered by its path, so each query reads its newest version; a table that does not exist yet has no
    rows. A name registered for another warehouse is replaced.
    """
    for name in with_reads(names):
        if name in VIEWS:
            # The SQL of a view is the project's own text (libs.tables.views), never a caller's.
            spark.sql(f"CREATE OR REPLACE VIEW {name} AS {VIEWS[name].sql}")
        else:
            _register_table(spark, warehouse, name)


def _register_table(spark: SparkSession, warehouse: str, name: str) -> None:
    """Puts an entry into the catalog directly: through CREATE TABLE Delta takes a second per table."""
    table, (layer, short) = TABLES[name], name.split(".")
    session: Any = spark._jsparkSession
    catalog = session.sessionState().catalog().externalCatalog()
    if not catalog.databaseExists(layer):
        spark.sql("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:layer)", args={"layer": layer})
    kind, place = "delta", delta.uri(warehouse, table)
    if not delta.exists(spark, warehouse, table):
        # Parquet in a missing folder has no rows and raises no error; a missing Delta table would raise one.
        kind, place = "parquet", f"{place}/not_written_yet"
    entry = _entry(spark, layer, short, kind, place, table.ddl)
    if catalog.tableExists(layer, short):
        if catalog.getTable(layer, short).location().equals(entry.location()):
            return
        catalog.dropTable(layer, short, True, False)  # drops the entry only: the files of an external table stay
    catalog.createTable(entry, True)


def _entry(spark: SparkSession, layer: str, name: str, kind: str, place: str, ddl: str) -> Any:
    jvm: Any = spark._jvm
    some, package = jvm.scala.Some, jvm.org.apache.spark.sql.catalyst.catalog
    nothing = jvm.scala.Option.empty()
    storage = package.CatalogStorageFormat.empty()
    rest = [getattr(storage, f"copy$default${i}")() for i in range(2, 7)]
    return package.CatalogTable(
        jvm.org.apache.spark.sql.catalyst.TableIdentifier(name, some(layer), nothing),
        package.CatalogTableType.EXTERNAL(),
        storage.copy(some(jvm.java.net.URI(place)), *rest),
        jvm.org.apache.spark.sql.types.StructType.fromDDL(ddl),
        some(kind),
        *[getattr(package.CatalogTable, f"apply$default${i}")() for i in range(6, 22)],
    )
