"""Every table and view by its name in Spark SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession

from libs.ask import AskError
from libs.spark import delta
from libs.tables import TABLES, VIEWS

_FILES = "spark.sql.runSQLOnFiles"  # FROM csv.`path`


def ask(spark: SparkSession, warehouse: str, sql: str) -> DataFrame:
    """Answers one SELECT in Spark SQL; registers the tables and views that the text names.

    Raises:
        AskError: it is another statement, reads a file, calls Java, or cannot be read.
    """
    try:
        # As a subquery only a SELECT can be read. It is parsed so, not run so.
        spark._jsparkSession.sessionState().sqlParser().parsePlan(f"SELECT * FROM (\n{sql}\n)")  # noqa: S608  (never run)
    except ParseException as error:
        told = str(error).strip().splitlines() or [""]
        raise AskError(f"not a question, only SELECT is answered here: {told[0]}") from None
    if re.search(r"\b(reflect|try_reflect|java_method)\b", sql, re.IGNORECASE):
        raise AskError("a question may not call Java: reflect and java_method are not answered here")
    register(
        spark, warehouse, [name for name in (*TABLES, *VIEWS) if re.search(rf"(?<![\w.]){re.escape(name)}\b", sql)]
    )
    try:
        spark.conf.set(_FILES, "false")
        return spark.sql(sql)
    except AnalysisException as error:
        raise AskError(str(error).strip().splitlines()[0]) from None
    finally:
        spark.conf.unset(_FILES)


def view(spark: SparkSession, warehouse: str, name: str) -> DataFrame:
    """One of libs.tables.views."""
    register(spark, warehouse, [name])
    return spark.table(name)


def register(spark: SparkSession, warehouse: str, names: Iterable[str]) -> None:
    """Makes tables and views known to the session: tables by path, views, and what they read, as temporary views."""
    for name in names:
        if spark.catalog.tableExists(name):
            continue
        if name in VIEWS:
            register(spark, warehouse, VIEWS[name].reads)
            spark.sql(VIEWS[name].sql).createOrReplaceTempView(name)
            continue
        spark.sql("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:layer)", args={"layer": TABLES[name].layer})
        if not delta.exists(spark, warehouse, TABLES[name]):
            delta.write_empty(spark, warehouse, TABLES[name])
        spark.catalog.createTable(name, path=delta.uri(warehouse, TABLES[name]), source="delta")
