"""Delta's log store for S3: who writes a version first has it, whichever machine the others run on."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

_CLASS = "reasonrec.ConditionalPutLogStore"
SETTINGS = {f"spark.delta.logStore.{scheme}.impl": _CLASS for scheme in ("s3", "s3a")}


def install(spark: SparkSession) -> None:
    """Compiles the log store and hands it to this driver and its executors, which list with it for VACUUM."""
    jvm: Any = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        loader.loadClass(_CLASS)
        return
    except Py4JJavaError:
        pass  # not there yet
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(loader)
    compiler.cook(Path(__file__).with_name("ConditionalPutLogStore.java").read_text(encoding="utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="reasonrec-log-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    jar = folder / "log-store.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for name, code in dict(compiler.getBytecodes()).items():
            archive.writestr(f"{name.replace('.', '/')}.class", bytes(code))
    loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
    spark.sparkContext._jsc.addJar(str(jar))
