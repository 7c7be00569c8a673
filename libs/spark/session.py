"""The only SparkSession builder."""

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

# What pyspark calls by a short name for each column and each list of columns. Py4J looks for that in one package after
# the other, through all jars: unless told where, a millisecond a time.
_BY_NAME = ("org.apache.spark.sql.functions", "org.apache.spark.api.python.PythonUtils")

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


# Where Spark declares its settings; a declaration is known once its object is loaded.
_CORE = "package$ Deploy$ History$ Kryo$ Network$ Python$ Status$ UI$ Worker$"
_DECLARED = {
    "spark.": [f"org.apache.spark.internal.config.{name}" for name in _CORE.split()],
    "spark.sql.": ["org.apache.spark.sql.internal.SQLConf$", "org.apache.spark.sql.internal.StaticSQLConf$"],
    "spark.kubernetes.": ["org.apache.spark.deploy.k8s.Config$"],
    "spark.yarn.": ["org.apache.spark.deploy.yarn.config.package$"],
}
# Of these Spark declares nothing: they are others' names, or read by hand.
_UNDECLARED = re.compile(
    r"spark\.(app\.name|cores\.max|hadoop\..+|jars(\..+)?|local\.dir|master|submit\.pyFiles|ssl\..+|executorEnv\..+"
    r"|databricks\..+|delta\..+|sql\.catalog\..+|(driver|executor|task|worker)\.resource\..+|metrics\.conf\..+"
    r"|(kubernetes|yarn|redaction|plugins|rapids)\..+\..+)"
)
# The variable by which Spark's own daemons pass the secret that its processes authenticate with.
_AUTHENTICATION = "_SPARK_AUTH_SECRET"


def jar_cache() -> Path:
    """Where the set-up puts the Delta jars of an embedded run; a cluster brings its own by --packages or --jars."""
    return _cache() / "jars"


def object_store_jars() -> list[str]:
    """What `make object-store` has fetched: by these Spark reads and writes s3a://."""
    return sorted(str(jar) for jar in (_cache() / "object-store").glob("*.jar"))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reasonrec"


def build_session(env: EnvConf, app: str = "reasonrec", compute: str = "small") -> SparkSession:
    """The session of this process: conf's settings over ours, those of the compute class over all.

    Raises:
        OperatorError: Spark has no setting of a name in conf, no Delta, or no S3 where the warehouse is on it.
    """
    # Workers run this process's own Python, not the first one on PATH; a cluster names its own.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app)
    on_s3 = env.warehouse.startswith(("s3:", "s3a:"))
    hadoop = {f"spark.hadoop.{key}": value for key, value in store.hadoop_settings().items()}
    settings = _ALWAYS | hadoop | (log_store.SETTINGS if on_s3 else {}) | env.spark_of(compute)
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
    # The JVM starts here where it does not run yet: its memory and class path are among the settings.
    SparkContext._ensure_initialized(conf=SparkConf().setAll(list(settings.items())))
    if settings.get("spark.authenticate") == "true" and _AUTHENTICATION in os.environ:
        # YARN and Kubernetes make a secret for each application; a standalone cluster has one, told to all its parts.
        # Not before: the settings until here are arguments of a process, which anybody on the machine may list.
        settings["spark.authenticate.secret"] = os.environ[_AUTHENTICATION]
    _known(SparkContext._jvm, settings, f"conf/{env.env}.yaml")
    session = builder.config(map=settings).getOrCreate()
    jvm = session.sparkContext._jvm
    if jvm is None or isinstance(jvm.io.delta.tables.DeltaTable, JavaPackage):
        # Under spark-submit the JVM runs before this builder: it takes jars from the command line alone.
        raise OperatorError("Spark runs without Delta: add --packages io.delta:delta-spark_2.13:4.0.1 to spark-submit")
    for name in _BY_NAME:
        java_import(jvm, name)
    session.sparkContext.setLogLevel("ERROR")
    if on_s3:
        if isinstance(jvm.org.apache.hadoop.fs.s3a.S3AFileSystem, JavaPackage):
            raise OperatorError(
                f"{env.warehouse}: Spark does not know S3: `make object-store` fetches what it lacks; on a cluster add"
                " --packages org.apache.hadoop:hadoop-aws:3.4.1 to spark-submit"
            )
        log_store.install(session, env.warehouse)
    return session


@contextmanager
def with_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """The session's settings inside are these; after it, what they were before."""
    before = {key: spark.conf.get(key, None) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, value in before.items():
            spark.conf.unset(key) if value is None else spark.conf.set(key, value)


def task_slots(spark: SparkSession, wanted: int, wait_s: float) -> int:
    """Tasks that the executors there are run at once; waits for `wanted`, for executors come one by one, or again."""
    context = spark.sparkContext._jsc.sc()
    profile, deadline = context.resourceProfileManager().defaultResourceProfile(), time.monotonic() + wait_s
    while (slots := int(context.maxNumConcurrentTasks(profile))) < wanted and time.monotonic() < deadline:
        time.sleep(1)
    return slots


def _known(jvm: Any, settings: dict[str, str], where: str) -> None:
    """Raises OperatorError for a setting that Spark would ignore without a word: a misspelt one."""
    for prefix, objects in _DECLARED.items():
        if any(key.startswith(prefix) for key in settings):
            for name in objects:
                jvm.java.lang.Class.forName(name)
    declared = jvm.org.apache.spark.internal.config.ConfigEntry
    for key in settings:
        if not _UNDECLARED.fullmatch(key) and declared.findEntry(key) is None:
            raise OperatorError(f"{where}: {key}: Spark has no such setting; see its name in Spark's documentation")
