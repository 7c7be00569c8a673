"""Access to classes of the JVM that Spark runs in."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

DELTA_LOG = "org.apache.spark.sql.delta.DeltaLog"


def java_class(spark: SparkSession, name: str) -> Any:
    """A Java class by its fully qualified name.

    `spark._jvm.org.apache...` asks the JVM at each dot whether that prefix is a class, and each miss searches all jars:
    two milliseconds for a class of Delta.
    """
    return getattr(spark._jvm, name)


def delta_log(spark: SparkSession, path: str) -> Any:
    """Delta's log of the table at a path."""
    return java_class(spark, DELTA_LOG).forTable(spark._jsparkSession, path)
