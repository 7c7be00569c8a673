"""What a job used: CPU and memory of the driver's process tree, and what its Spark tasks read, shuffled and took."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from libs.metering.process_tree import TreeMeter

_BUS_TIMEOUT_MS = 2000
_OF_TASKS = ("bytes_read", "bytes_shuffled", "task_seconds")


class JobMeter:
    """Started where a job starts; `stop` gives columns of quality.job_runs."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._before = self._tasks()
        self._tree = TreeMeter()

    def stop(self) -> dict[str, Any]:
        """Costs since the start, by column; those of tasks are None where Spark has ended."""
        cpu, peak = self._tree.stop()
        costs: dict[str, Any] = {"cpu_seconds": round(cpu, 3), "peak_memory_bytes": peak}
        before, after = self._before, self._tasks()
        for name in _OF_TASKS:
            costs[name] = None if before is None or after is None else after[name] - before[name]
        return costs

    def _tasks(self) -> dict[str, float] | None:
        """Costs of all tasks so far, on all executors there were, as Spark's own status store counts them."""
        try:
            scala = self._spark.sparkContext._jsc.sc()
            scala.listenerBus().waitUntilEmpty(_BUS_TIMEOUT_MS)
            executors = scala.statusStore().executorList(False)
            found = [executors.apply(i) for i in range(executors.size())]
            read = sum(int(one.totalInputBytes()) for one in found)
            shuffled = sum(int(one.totalShuffleWrite()) for one in found)
            seconds = sum(int(one.totalDuration()) for one in found) / 1000
            return dict(zip(_OF_TASKS, (read, shuffled, seconds), strict=True))
        except Exception:  # a context that is gone must not hide the error that ended it
            return None
