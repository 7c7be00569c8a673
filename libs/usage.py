"""What a job used: CPU and memory of the driver's process tree, and what its Spark tasks read."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from libs.process_tree import TreeMeter

_BUS_TIMEOUT_MS = 2000


class JobMeter:
    """Started where a job starts; `stop` gives columns of quality.job_runs."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._before = self._input_bytes()
        self._tree = TreeMeter()

    def stop(self) -> dict[str, Any]:
        """cpu_seconds, peak_memory_bytes and bytes_read since the start; bytes_read is None where Spark has ended."""
        cpu, peak = self._tree.stop()
        after = self._input_bytes()
        read = None if after is None or self._before is None else after - self._before
        return {"cpu_seconds": round(cpu, 3), "peak_memory_bytes": peak, "bytes_read": read}

    def _input_bytes(self) -> int | None:
        """Input of all tasks so far, on all executors, as Spark's own status store counts it."""
        try:
            scala = self._spark.sparkContext._jsc.sc()
            scala.listenerBus().waitUntilEmpty(_BUS_TIMEOUT_MS)
            executors = scala.statusStore().executorList(False)
            return sum(int(executors.apply(i).totalInputBytes()) for i in range(executors.size()))
        except Exception:  # a context that is gone must not hide the error that ended it
            return None
