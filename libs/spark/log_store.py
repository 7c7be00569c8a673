"""Delta's log store for S3: the first writer of a version wins, across machines."""

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
    """Compiles the log store and gives it to this driver and to the executors, which list files with it for VACUUM.

    Does nothing if conf names another log store.

    Raises:
        OperatorError: the object store ignores `If-None-Match`, or Spark was started without the setting, which Delta
            reads only at startup.
    """
    chosen = spark.sparkContext.getConf().get(_KEY)
    if chosen is None:
        raise OperatorError(f"Spark was started without a log store for S3: start it with --conf {_KEY}={_CLASS}")
    if chosen != _CLASS:
        return
    jvm: Any = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        loader.loadClass(_CLASS)
        return
    except Py4JJavaError:
        pass  # not compiled yet
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
    """Raises OperatorError for an object store that ignores `If-None-Match`: commits would be lost silently."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    path = jvm.org.apache.hadoop.fs.Path(f"{warehouse.rstrip('/')}/_commits_are_safe")
    for _ in range(2):  # the first write succeeds where the file does not exist yet
        lines = jvm.java.util.ArrayList()
        lines.add(uuid.uuid4().hex)
        try:
            jvm.reasonrec.ConditionalPutLogStore(conf).write(path, lines.iterator(), False, conf)
        except Py4JJavaError as error:
            message = error.java_exception.toString()
            # A process that may only read makes no commit that could be lost.
            if "FileAlreadyExistsException" in message or "AccessDenied" in message:
                return
            raise
    raise OperatorError(
        f"{warehouse}: this store does not support `If-None-Match: *`, so commits of two writers could be lost: use one"
        " that does (Amazon S3, MinIO, Ceph), or set spark.delta.logStore.s3a.impl in conf to a log store of your own"
    )
