"""The only place that builds a SparkSession."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark
from py4j.java_gateway import JavaPackage, java_import
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from libs import store
from libs.conf import EnvConf
from libs.errors import OperatorError
from libs.spark import log_store
from libs.spark.expressions import drop_java_functions
from libs.spark.start import quiet_start

# PySpark looks these up by their short name for each column and each list of columns. Without an import, Py4J searches
# one package after another through all jars: a millisecond per lookup.
_IMPORTED_CLASSES = ("org.apache.spark.sql.functions", "org.apache.spark.api.python.PythonUtils")

# Settings that every environment needs; `spark:` in conf/<env>.yaml adds to them and may override them.
_DEFAULTS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Instants are in UTC; a shop's days are computed in its own time zone.
    "spark.sql.session.timeZone": "UTC",
    # Otherwise ${env:NAME} in a query or a mapping would show the process's environment.
    "spark.sql.variable.substitute": "false",
    # Keeps result tables readable by DuckDB, delta-rs and Trino; petastorm must never see a file with deleted rows.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    # Lets replaceWhere name columns that are not partition columns (`day` inside a month).
    "spark.databricks.delta.replaceWhere.dataColumns.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # pandas writes nanoseconds by default; libs.ingest.parquet_groups makes times of the numbers.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
}


# Where Spark declares its settings; a setting is registered once its declaring object is loaded.
_CORE = "package$ Deploy$ History$ Kryo$ Network$ Python$ Status$ UI$ Worker$"
_DECLARED = {
    "spark.": [f"org.apache.spark.internal.config.{name}" for name in _CORE.split()],
    "spark.sql.": ["org.apache.spark.sql.internal.SQLConf$", "org.apache.spark.sql.internal.StaticSQLConf$"],
    "spark.kubernetes.": ["org.apache.spark.deploy.k8s.Config$"],
    "spark.yarn.": ["org.apache.spark.deploy.yarn.config.package$"],
}
# Settings that Spark does not declare: they belong to others, or Spark reads them without a declaration.
_UNDECLARED = re.compile(
    r"spark\.(app\.name|cores\.max|hadoop\..+|jars(\..+)?|local\.dir|master|submit\.pyFiles|ssl\..+|executorEnv\..+"
    r"|databricks\..+|delta\..+|sql\.catalog\..+|(driver|executor|task|worker)\.resource\..+|metrics\.conf\..+"
    r"|(kubernetes|yarn|redaction|plugins|rapids)\..+\..+)"
)
# The variable in which Spark's daemons pass the secret that its processes authenticate with.
_AUTHENTICATION = "_SPARK_AUTH_SECRET"


def jar_cache() -> Path:
    """Where set-up puts the Delta jars for local runs; a cluster brings its own through --packages or --jars."""
    return _cache() / "jars"


def object_store_jars() -> list[str]:
    """The jars that `make object-store` fetched: Spark needs them to read and write s3a://."""
    return sorted(str(jar) for jar in (_cache() / "object-store").glob("*.jar"))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reasonrec"


def build_session(env: EnvConf, app: str = "reasonrec", compute: str = "small") -> SparkSession:
    """The Spark session of this process: conf overrides the defaults, and conf's compute class overrides both.

    Raises:
        OperatorError: conf names a setting that Spark does not have, Delta is missing, or the warehouse is on S3 and
            Spark has no S3 client.
    """
    # Workers run this process's Python, not the first one on PATH; a cluster names its own.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    on_s3 = env.warehouse.startswith(("s3:", "s3a:"))
    hadoop = {f"spark.hadoop.{key}": value for key, value in store.hadoop_settings().items()}
    settings = _DEFAULTS | hadoop | (log_store.SETTINGS if on_s3 else {}) | env.spark_of(compute)
    jars = sorted(str(jar) for jar in jar_cache().glob("*.jar"))
    if jars and "spark.jars" not in settings and "spark.jars.packages" not in settings:
        settings["spark.jars"] = ",".join(jars)
    if on_s3:
        # On the class path, not in spark.jars, which would copy 559 MB at each start. After Spark's own jars: Amazon's
        # bundle brings other versions of Netty and of a logger.
        jars_of_spark = str(Path(pyspark.__file__).with_name("jars") / "*")
        for key in ("spark.driver.extraClassPath", "spark.executor.extraClassPath"):
            settings[key] = ":".join([*filter(None, [settings.get(key)]), jars_of_spark, *object_store_jars()])
    if settings.get("spark.master", "").startswith("local") and "spark.sql.warehouse.dir" not in settings:
        # Tables are addressed by path, but creating a schema in the catalog still creates a folder.
        folder = tempfile.mkdtemp(prefix="reasonrec-catalog-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings["spark.sql.warehouse.dir"] = folder
    # The JVM's memory and class path are among the settings.
    with quiet_start(SparkConf().setAll(list(settings.items()))):
        return _session(builder, settings, env)


def _session(builder: SparkSession.Builder, settings: dict[str, str], env: EnvConf) -> SparkSession:
    """The session in a JVM that runs."""
    if settings.get("spark.authenticate") == "true" and _AUTHENTICATION in os.environ:
        # YARN and Kubernetes create a secret for each application; a standalone cluster has one that all its processes
        # share. It is set only now: the settings above become arguments of a process, which anyone on the machine can
        # list.
        settings["spark.authenticate.secret"] = os.environ[_AUTHENTICATION]
    _refuse_unknown(SparkContext._jvm, settings, f"conf/{env.env}.yaml")
    drop_java_functions(SparkContext._jvm)
    session = builder.config(map=settings).getOrCreate()
    jvm = session.sparkContext._jvm
    if jvm is None or isinstance(jvm.io.delta.tables.DeltaTable, JavaPackage):
        # Under spark-submit the JVM is already running and takes jars only from the command line.
        raise OperatorError("Spark runs without Delta: add --packages io.delta:delta-spark_2.13:4.0.1 to spark-submit")
    for name in _IMPORTED_CLASSES:
        java_import(jvm, name)
    session.sparkContext.setLogLevel("ERROR")
    if env.warehouse.startswith(("s3:", "s3a:")):
        if isinstance(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem, JavaPackage):
            raise OperatorError(
                f"{env.warehouse}: Spark has no S3 client: run `make object-store` to fetch it; on a cluster add"
                " --packages org.apache.hadoop:hadoop-aws:3.4.1 to spark-submit"
            )
        log_store.install(session, env.warehouse)
    return session


@contextmanager
def with_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Sets session settings inside the block and restores the earlier values after it."""
    before = {key: spark.conf.get(key, None) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, value in before.items():
            spark.conf.unset(key) if value is None else spark.conf.set(key, value)


def task_slots(spark: SparkSession, wanted: int, wait_s: float) -> int:
    """How many tasks the present executors run at once. Waits for `wanted`: executors may register late or again."""
    context = spark.sparkContext._jsc.sc()
    profile, deadline = context.resourceProfileManager().defaultResourceProfile(), time.monotonic() + wait_s
    while (slots := int(context.maxNumConcurrentTasks(profile))) < wanted and time.monotonic() < deadline:
        time.sleep(1)
    return slots


def _refuse_unknown(jvm: Any, settings: dict[str, str], where: str) -> None:
    """Raises OperatorError for a misspelt setting, which Spark would silently ignore."""
    for prefix, objects in _DECLARED.items():
        if any(key.startswith(prefix) for key in settings):
            for name in objects:
                jvm.java.lang.Class.forName(name)
    declared = jvm.org.apache.spark.internal.config.ConfigEntry
    for key in settings:
        if not _UNDECLARED.fullmatch(key) and declared.findEntry(key) is None:
            raise OperatorError(f"{where}: {key}: Spark has no such setting; check its name in Spark's documentation")
