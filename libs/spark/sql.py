"""Every table and view by its name in Spark SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession

from libs.spark import delta
from libs.tables import TABLES, VIEWS


def ask(spark: SparkSession, warehouse: str, sql: str) -> DataFrame:
    """Answers a question in Spark SQL; registers the tables and views that the text names."""
    register(
        spark, warehouse, [name for name in (*TABLES, *VIEWS) if re.search(rf"(?<![\w.]){re.escape(name)}\b", sql)]
    )
    return spark.sql(sql)


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
