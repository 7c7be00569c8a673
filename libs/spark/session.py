"""The only SparkSession builder."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pyspark
from py4j.java_gateway import JavaPackage
from pyspark.sql import SparkSession

from libs import store
from libs.conf import ConfError, EnvConf
from libs.spark import log_store

# What every environment needs; conf/<env>.yaml `spark:` adds to it and may override.
_ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Instants are UTC; a shop's days are computed with its own zone.
    "spark.sql.session.timeZone": "UTC",
    # Result tables stay readable by DuckDB, delta-rs and Trino; petastorm must never see a file with deleted rows.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    # A replaceWhere names columns that are not partition columns (`day` inside a month).
    "spark.databricks.delta.replaceWhere.dataColumns.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


def jar_cache() -> Path:
    """Where the set-up puts the Delta jars of an embedded run; a cluster brings its own by --packages or --jars."""
    return _cache() / "jars"


def object_store_jars() -> list[str]:
    """What `make object-store` has fetched: by these Spark reads and writes s3a://."""
    return sorted(str(jar) for jar in (_cache() / "object-store").glob("*.jar"))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reasonrec"


def build_session(env: EnvConf, app: str = "reasonrec") -> SparkSession:
    """The session of this process: conf's settings over ours; a running one (spark-submit's) is taken as it is.

    Raises:
        ConfError: Spark has no Delta, or the warehouse is on S3 and Spark does not know S3.
    """
    # Workers run this process's own Python, not the first one on PATH; a cluster names its own.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    on_s3 = env.warehouse.startswith(("s3:", "s3a:"))
    hadoop = {f"spark.hadoop.{key}": value for key, value in store.hadoop_settings().items()}
    settings = _ALWAYS | hadoop | (log_store.SETTINGS if on_s3 else {}) | env.spark
    jars = sorted(str(jar) for jar in jar_cache().glob("*.jar"))
    if jars and "spark.jars" not in settings and "spark.jars.packages" not in settings:
        settings["spark.jars"] = ",".join(jars)
    if on_s3:
        # On the class path, not in spark.jars: 559 MB would be copied at each start. After Spark's own: Amazon's bundle
        # brings a Netty and a logger of other versions.
        jars_of_spark = str(Path(pyspark.__file__).with_name("jars") / "*")
        for key in ("spark.driver.extraClassPath", "spark.executor.extraClassPath"):
            settings[key] = ":".join([*filter(None, [settings.get(key)]), jars_of_spark, *object_store_jars()])
    if settings.get("spark.master", "").startswith("local") and "spark.sql.warehouse.dir" not in settings:
        # Tables lie by path in the warehouse; a schema of the catalog makes a folder all the same.
        folder = tempfile.mkdtemp(prefix="reasonrec-catalog-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings["spark.sql.warehouse.dir"] = folder
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    jvm = session.sparkContext._jvm
    if jvm is None or isinstance(jvm.io.delta.tables.DeltaTable, JavaPackage):
        # Under spark-submit the JVM runs before this builder: it takes jars from the command line alone.
        raise ConfError("Spark runs without Delta: add --packages io.delta:delta-spark_2.13:4.0.1 to spark-submit")
    session.sparkContext.setLogLevel("ERROR")
    if on_s3:
        if isinstance(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem, JavaPackage):
            raise ConfError(
                f"{env.warehouse}: Spark does not know S3: `make object-store` fetches what it lacks; on a cluster add"
                " --packages org.apache.hadoop:hadoop-aws:3.4.1 to spark-submit"
            )
        log_store.install(session, env.warehouse)
    return session
