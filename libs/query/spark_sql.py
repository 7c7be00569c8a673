"""Every table and view by its name in Spark SQL."""

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
    """Answers one SELECT in Spark SQL; registers the tables and views that the text names.

    Raises:
        OperatorError: it is another statement, reads a file, calls Java or a shell, or cannot be read.
    """
    try:
        # As a subquery only a SELECT can be read. It is parsed so, not run so.
        spark._jsparkSession.sessionState().sqlParser().parsePlan(f"SELECT * FROM (\n{sql}\n)")  # noqa: S608  (never run)
    except ParseException as error:
        told = str(error).strip().splitlines() or [""]
        raise OperatorError(f"not a question, only SELECT is answered here: {told[0]}") from None
    if re.search(r"\b(reflect|try_reflect|java_method)\b", sql, re.IGNORECASE):
        raise OperatorError("a question may not call Java: reflect and java_method are not answered here")
    # SELECT TRANSFORM, MAP or REDUCE (...) USING 'a shell command' is a question by its grammar.
    if re.search(r"\busing\s*r?['\"]", sql, re.IGNORECASE):
        raise OperatorError("a question may not run a command: TRANSFORM ... USING is not answered here")
    register(spark, warehouse, named(sql))
    try:
        with with_settings(spark, {_FILES: "false"}):
            return spark.sql(sql)
    except AnalysisException as error:
        if error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND":
            name = (error.getMessageParameters() or {}).get("relationName", "")
            raise OperatorError(str(UnknownTableError(name.replace("`", "")))) from None
        raise OperatorError(str(error).strip().splitlines()[0]) from None


def named(sql: str) -> list[str]:
    """Names of tables and views in the text; one inside a string costs a registration, no more."""
    bare = sql.replace("`", "")
    return [name for name in (*TABLES, *VIEWS) if re.search(rf"(?<![\w.]){re.escape(name)}\b", bare, re.IGNORECASE)]


def view(spark: SparkSession, warehouse: str, name: str) -> DataFrame:
    """One of libs.tables.views."""
    register(spark, warehouse, [name])
    return spark.table(name)


def needed(names: Iterable[str]) -> list[str]:
    """The names and what they read, each once, what a view reads before it."""
    found: dict[str, None] = {}
    for name in names:
        if name in VIEWS:
            found |= dict.fromkeys(needed(VIEWS[name].reads))
        found[name] = None
    return list(found)


def register(spark: SparkSession, warehouse: str, names: Iterable[str]) -> None:
    """Makes tables and views, and what they read, known to the session's catalog; writes nothing into the warehouse.

    A table is registered by its path, so that each query reads its newest version; one that was never written is an
    empty view. Names that belong to another warehouse are given to this one.
    """
    for name in needed(names):
        if name in VIEWS:
            # The SQL of a view is the project's own text (libs.tables.views), never a caller's.
            spark.sql(f"CREATE OR REPLACE VIEW {name} AS {VIEWS[name].sql}")
        else:
            _register_table(spark, warehouse, name)


def _register_table(spark: SparkSession, warehouse: str, name: str) -> None:
    """An entry of the catalog, put there as it is: CREATE TABLE takes a second of Delta's for each."""
    table, (layer, short) = TABLES[name], name.split(".")
    session: Any = spark._jsparkSession
    catalog = session.sessionState().catalog().externalCatalog()
    if not catalog.databaseExists(layer):
        spark.sql("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:layer)", args={"layer": layer})
    kind, place = "delta", delta.uri(warehouse, table)
    if not delta.exists(spark, warehouse, table):
        # Read through a folder that is not there: no rows, and no error. (Delta takes a missing table for a mistake.)
        kind, place = "parquet", f"{place}/not_written_yet"
    entry = _entry(spark, layer, short, kind, place, table.ddl)
    if catalog.tableExists(layer, short):
        if catalog.getTable(layer, short).location().equals(entry.location()):
            return
        catalog.dropTable(layer, short, True, False)  # its name: the files of an external table stay
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
