"""Spark's Thrift server over the warehouse: any JDBC or ODBC tool asks tables and views by name, and may only ask."""

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
from libs.query.spark_sql import needed, register
from libs.spark import delta
from libs.spark.java import java_source
from libs.spark.session import build_session, jar_cache
from libs.tables import TABLES, VIEWS, table

HOST = "127.0.0.1"
# They run any static method of Java. Each session takes its functions from the list they are struck off.
_CALL_JAVA = ("reflect", "try_reflect", "java_method")


def serve(env: EnvConf, port: int, ready: Callable[[], None]) -> None:
    """Answers at 127.0.0.1:port until the process is ended; calls `ready` when it does.

    What a statement may be is said in ReadOnly.java. The catalog lives in memory and a temporary folder.

    Raises:
        OperatorError: the port is taken, there is no Java, or nothing was ever published.
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
        # An analyst's mistake is the analyst's: the answer names it, the server's log need not.
        spark.sparkContext.setLogLevel("OFF")
        hears = _FirstWrites(spark, env.warehouse)  # before: a table written meanwhile is looked at again
        register(spark, env.warehouse, [*TABLES, *VIEWS])
        _start(spark, hears, Path(folder))
        ready()
        gateway: Any = spark.sparkContext._gateway
        while gateway.proc.poll() is None:
            time.sleep(1)
        raise OperatorError(
            "the server's JVM has ended: start it anew; `spark.driver.memory` in conf gives it more memory"
        )


def _check_machine(port: int) -> None:
    with socket.socket() as probe:
        # As the server does: a port that a server has just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise OperatorError(f"port {port} cannot be had ({error}): choose another by --port") from None
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
    # On the class path: what --jars brings is not seen by the threads that open sessions.
    jars = ":".join(sorted(str(jar) for jar in jar_cache().glob("*.jar")))
    return {
        **({"spark.driver.extraClassPath": jars} if jars else {}),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": f"{folder}/catalog",
        # ${env:NAME} in a statement would show the server's environment.
        "spark.sql.variable.substitute": "false",
        "spark.sql.runSQLOnFiles": "false",
        "spark.ui.enabled": "false",
        **{f"spark.hadoop.{key}": value for key, value in hive.items()},
    }


def _start(spark: SparkSession, hears: _FirstWrites, folder: Path) -> None:
    jvm: Any = spark._jvm
    jvm.java.lang.System.setProperty("derby.stream.error.file", f"{folder}/derby.log")
    compiler = jvm.org.codehaus.janino.SimpleCompiler()
    compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
    compiler.cook(java_source("ReadOnly"))
    guard = compiler.getClassLoader().loadClass("reasonrec.ReadOnly").newInstance()
    schemas = jvm.java.util.HashSet()
    for layer in {"default", *(found.layer for found in TABLES.values())}:
        schemas.add(layer)
    for function in _CALL_JAVA:
        name = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier(function)
        jvm.org.apache.spark.sql.catalyst.analysis.FunctionRegistry.builtin().dropFunction(name)
    ensure_callback_server_started(spark.sparkContext._gateway)
    guard.guard(spark._jsparkSession, schemas, hears)
    thrift = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
    guard.closeSettings(thrift.startWithSparkSession(spark._jsparkSession, False), spark._jsparkSession)


class _FirstWrites:
    """Hears each statement before it is answered: a table first written since the start is seen by it."""

    def __init__(self, spark: SparkSession, warehouse: str) -> None:
        self._spark, self._warehouse, self._lock = spark, warehouse, Lock()
        self._absent = {name for name, one in TABLES.items() if not delta.exists(spark, warehouse, one)}

    def accept(self, statement: str) -> None:
        words = set(re.findall(r"\w+", statement.lower()))
        asked = needed(name for name in (*TABLES, *VIEWS) if name.split(".")[-1] in words)
        with self._lock:
            for name in self._absent.intersection(asked):
                if delta.exists(self._spark, self._warehouse, TABLES[name]):
                    register(self._spark, self._warehouse, [name])
                    self._absent.remove(name)

    class Java:
        implements = ("java.util.function.Consumer",)
