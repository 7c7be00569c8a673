"""Spark's Thrift server over the warehouse: JDBC and ODBC tools query tables and views by name, read only."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession

from libs.conf import EnvConf
from libs.errors import OperatorError
from libs.query.spark_sql import register, with_reads
from libs.spark import delta
from libs.spark.java import java_source
from libs.spark.session import build_session, jar_cache
from libs.tables import TABLES, VIEWS, table

HOST = "127.0.0.1"


def serve(env: EnvConf, port: int, ready: Callable[[], None]) -> None:
    """Serves 127.0.0.1:port until the process ends; calls `ready` once the server answers.

    ReadOnly.java says which statements are allowed. The catalog is in memory and in a temporary folder.

    Raises:
        OperatorError: the port is taken, there is no Java, or nothing has been published yet.
    """
    _check_machine(port)
    with tempfile.TemporaryDirectory(prefix="reasonrec-sql-server-") as folder:
        settings = env.spark | _settings(Path(folder), port)
        spark = build_session(env.model_copy(update={"spark": settings}), "reasonrec sql-server")
        if not delta.exists(spark, env.warehouse, table("results.releases")):
            raise OperatorError(
                f"nothing is published in {env.warehouse}: run `reasonrec run daily` first, or name another warehouse"
                " by REASONREC_WAREHOUSE"
            )
        # Analysts get the errors of their statements as answers; the server's log does not need them.
        spark.sparkContext.setLogLevel("OFF")
        # Created before `register`, so that a table first written in between is registered with the first statement.
        late_tables = _LateTables(spark, env.warehouse)
        register(spark, env.warehouse, [*TABLES, *VIEWS])
        _start(spark, late_tables, Path(folder))
        ready()
        gateway: Any = spark.sparkContext._gateway
        while gateway.proc.poll() is None:
            time.sleep(1)
        raise OperatorError(
            "the server's JVM has ended: start the server again; `spark.driver.memory` in conf gives it more memory"
        )


def _check_machine(port: int) -> None:
    with socket.socket() as probe:
        # As the server does, so that a port that another server has just left counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise OperatorError(f"port {port} cannot be used ({error}): choose another with --port") from None
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        raise OperatorError(
            f"no Java in {home or 'PATH'}: install it, e.g. sudo apt-get install -y openjdk-17-jre-headless"
        )


def _settings(folder: Path, port: int) -> dict[str, str]:
    hive = {
        "hive.server2.thrift.bind.host": HOST,
        "hive.server2.thrift.port": str(port),
        "hive.server2.enable.doAs": "false",
        "hive.server2.logging.operation.enabled": "false",
        "hive.exec.scratchdir": f"{folder}/scratch",
        "hive.exec.local.scratchdir": f"{folder}/local",
        "hive.downloaded.resources.dir": f"{folder}/resources",
        "hive.querylog.location": f"{folder}/log",
    }
    # On the class path: the threads that open sessions do not see jars from --jars.
    jars = ":".join(sorted(str(jar) for jar in jar_cache().glob("*.jar")))
    return {
        **({"spark.driver.extraClassPath": jars} if jars else {}),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": f"{folder}/catalog",
        "spark.sql.runSQLOnFiles": "false",
        "spark.ui.enabled": "false",
        **{f"spark.hadoop.{key}": value for key, value in hive.items()},
    }


def _start(spark: SparkSession, late_tables: _LateTables, folder: Path) -> None:
    jvm: Any = spark._jvm
    jvm.java.lang.System.setProperty("derby.stream.error.file", f"{folder}/derby.log")
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
    compiler.cook(java_source("ReadOnly"))
    guard = compiler.getClassLoader().loadClass("reasonrec.ReadOnly").newInstance()
    schemas = jvm.java.util.HashSet()
    for layer in {"default", *(name.split(".")[0] for name in TABLES)}:
        schemas.add(layer)
    ensure_callback_server_started(spark.sparkContext._gateway)
    guard.guard(spark._jsparkSession, schemas, late_tables)
    thrift = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
    guard.closeSettings(thrift.startWithSparkSession(spark._jsparkSession, False), spark._jsparkSession)


class _LateTables:
    """A listener called with each statement before it runs: registers tables first written after the server started."""

    def __init__(self, spark: SparkSession, warehouse: str) -> None:
        self._spark, self._warehouse, self._lock = spark, warehouse, Lock()
        self._absent = {name for name, table in TABLES.items() if not delta.exists(spark, warehouse, table)}

    def accept(self, statement: str) -> None:
        words = set(re.findall(r"\w+", statement.lower()))
        names = with_reads(name for name in (*TABLES, *VIEWS) if name.split(".")[-1] in words)
        with self._lock:
            for name in self._absent.intersection(names):
                if delta.exists(self._spark, self._warehouse, TABLES[name]):
                    register(self._spark, self._warehouse, [name])
                    self._absent.remove(name)

    class Java:
        implements = ("java.util.function.Consumer",)
