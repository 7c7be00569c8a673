"""Classes of the JVM that Spark runs in."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

DELTA_LOG = "org.apache.spark.sql.delta.DeltaLog"


def java_class(spark: SparkSession, name: str) -> Any:
    """The class of a whole name.

    `spark._jvm.org.apache...` would ask the JVM at each dot whether a class is called so far, and each no is a search
    through all jars: two milliseconds for a class of Delta's.
    """
    return getattr(spark._jvm, name)


def delta_log(spark: SparkSession, path: str) -> Any:
    """Delta's log of the table at a path."""
    return java_class(spark, DELTA_LOG).forTable(spark._jsparkSession, path)
