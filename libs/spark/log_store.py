"""Delta's log store for S3: who writes a version first has it, whichever machine the others run on."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import uuid
import zipfile
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from libs.errors import OperatorError
from libs.spark.java import java_source

_CLASS = "reasonrec.ConditionalPutLogStore"
_KEY = "spark.delta.logStore.s3a.impl"
SETTINGS = {_KEY: _CLASS, "spark.delta.logStore.s3.impl": _CLASS}


def install(spark: SparkSession, warehouse: str) -> None:
    """Compiles the log store and hands it to this driver and its executors, which list with it for VACUUM.

    One of the user's own that conf names is left alone.

    Raises:
        OperatorError: the store takes the second of two writes that must each be the first, or Spark was started
            without the setting, which Delta reads at the start alone.
    """
    chosen = spark.sparkContext.getConf().get(_KEY)
    if chosen is None:
        raise OperatorError(
            f"Spark ran before reasonrec, without a log store for S3: start it with --conf {_KEY}={_CLASS}"
        )
    if chosen != _CLASS:
        return
    jvm: Any = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        loader.loadClass(_CLASS)
        return
    except Py4JJavaError:
        pass  # not there yet
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(loader)
    compiler.cook(java_source("ConditionalPutLogStore"))
    folder = Path(tempfile.mkdtemp(prefix="reasonrec-log-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    jar = folder / "log-store.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for name, code in dict(compiler.getBytecodes()).items():
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(code))
    loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
    spark.sparkContext._jsc.addJar(str(jar))
    refuse_unsafe(spark, warehouse)


def refuse_unsafe(spark: SparkSession, warehouse: str) -> None:
    """Raises OperatorError for a store that ignores `If-None-Match`: commits would be lost in silence."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    path = jvm.org.apache.hadoop.fs.Path(f"{warehouse.rstrip('/')}/_commits_are_safe")
    for _ in range(2):  # the first may find nothing there
        lines = jvm.java.util.ArrayList()
        lines.add(uuid.uuid4().hex)
        try:
            jvm.reasonrec.ConditionalPutLogStore(conf).write(path, lines.iterator(), False, conf)
        except Py4JJavaError as error:
            told = error.java_exception.toString()
            if "FileAlreadyExistsException" in told or "AccessDenied" in told:  # who may only read, loses nothing
                return
            raise
    raise OperatorError(
        f"{warehouse}: this store does not know `If-None-Match: *`, so commits of two writers could be lost: take one"
        " that does (Amazon S3, MinIO, Ceph), or name a log store of your own by spark.delta.logStore.s3a.impl in conf"
    )
