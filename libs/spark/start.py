"""Starts the JVM that Spark runs in, without its start-up lines on the terminal."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

# What the JVM, log4j, Hadoop and Ivy print at each start when all is well.
_NOISE = re.compile(
    rb"WARNING: Using incubator modules|Using Spark's default log4j|Setting default log level|To adjust logging level"
    rb"|SLF4J: |.* WARN (?:Utils: (?:Your hostname|Set SPARK_LOCAL_IP|Service '\w+' could not bind)|NativeCodeLoader: )"
    rb"|:: |\t|Ivy Default|The jars for the packages|\S+ added as a dependency|\s*$"
)


class _Errors:
    """The JVM's standard error: held back until `open`, then passed on as it comes."""

    def __init__(self) -> None:
        self._source, self.sink = os.pipe()
        self._lock = threading.Lock()
        self._held: bytes | None = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def open(self, keep: Callable[[bytes], bool]) -> None:
        """Prints the lines held back so far that are to be kept; from now on everything is passed on at once."""
        with self._lock:
            lines, self._held = (self._held or b"").splitlines(keepends=True), None
            _print(b"".join(line for line in lines if keep(line)))

    def _read(self) -> None:
        while chunk := os.read(self._source, 65536):
            with self._lock:
                if self._held is None:
                    _print(chunk)
                else:
                    self._held += chunk


def _print(text: bytes) -> None:
    """Writes to this process's standard error, as the JVM itself would; sys.stderr may have been replaced."""
    while text:
        text = text[os.write(2, text) :]


@contextmanager
def quiet_start(conf: SparkConf) -> Iterator[None]:
    """Starts the JVM if it is not running; inside, until the session stands, its standard error is held back.

    Then the usual start-up lines are dropped and all others printed. If the start fails, every line is printed. Under
    spark-submit the JVM runs before us and prints to where it likes.
    """
    if SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized(conf=conf)
        yield
        return
    errors = _Errors()
    try:
        try:
            gateway = launch_gateway(conf, popen_kwargs={"stderr": errors.sink})
        finally:
            os.close(errors.sink)  # the JVM has its own
        SparkContext._ensure_initialized(gateway=gateway, conf=conf)
        yield
    except BaseException:
        time.sleep(0.2)  # the last lines of a JVM that died may still be on their way
        errors.open(lambda line: True)
        raise
    errors.open(lambda line: not _NOISE.match(line))
