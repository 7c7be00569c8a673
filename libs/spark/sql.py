"""Every table and view by its name in Spark SQL."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame, SparkSession

from libs.spark import delta
from libs.tables import TABLES, VIEWS


def ask(spark: SparkSession, warehouse: str, sql: str) -> DataFrame:
    """Answers a question in Spark SQL; registers the tables and views that the text names."""
    register(spark, warehouse, sql)
    return spark.sql(sql)


def view(spark: SparkSession, warehouse: str, name: str) -> DataFrame:
    """One of libs.tables.views."""
    register(spark, warehouse, name)
    return spark.table(name)


def register(spark: SparkSession, warehouse: str, sql: str) -> None:
    """Makes the tables and views that `sql` names known to the session: tables by path, views as temporary views."""
    for name in TABLES:
        if re.search(rf"\b{re.escape(name)}\b", sql) and not spark.catalog.tableExists(name):
            spark.sql("CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:layer)", args={"layer": TABLES[name].layer})
            if not delta.exists(spark, warehouse, TABLES[name]):
                delta.write_empty(spark, warehouse, TABLES[name])
            spark.catalog.createTable(name, path=delta.uri(warehouse, TABLES[name]), source="delta")
    for name, view in VIEWS.items():
        if re.search(rf"\b{name}\b", sql) and not spark.catalog.tableExists(name):
            register(spark, warehouse, view.sql)
            spark.sql(view.sql).createOrReplaceTempView(name)
