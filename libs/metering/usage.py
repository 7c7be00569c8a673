"""What a job used: CPU and memory of the driver's process tree; bytes read, bytes shuffled and time of its tasks."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from libs.metering.process_tree import TreeMeter

_BUS_TIMEOUT_MS = 2000
_TASK_COSTS = ("bytes_read", "bytes_shuffled", "task_seconds")


class JobMeter:
    """Create it when a job starts; `stop` gives columns of quality.job_runs."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._before = self._tasks()
        self._tree = TreeMeter()

    def stop(self) -> dict[str, Any]:
        """Costs since the start, by column; those of tasks are None if Spark has ended."""
        cpu, peak = self._tree.stop()
        costs: dict[str, Any] = {"cpu_seconds": round(cpu, 3), "peak_memory_bytes": peak}
        before, after = self._before, self._tasks()
        for name in _TASK_COSTS:
            costs[name] = None if before is None or after is None else after[name] - before[name]
        return costs

    def _tasks(self) -> dict[str, float] | None:
        """Costs of all tasks so far on all past and present executors, from Spark's status store."""
        try:
            scala = self._spark.sparkContext._jsc.sc()
            scala.listenerBus().waitUntilEmpty(_BUS_TIMEOUT_MS)
            executors = scala.statusStore().executorList(False)
            summaries = [executors.apply(i) for i in range(executors.size())]
            read = sum(int(summary.totalInputBytes()) for summary in summaries)
            shuffled = sum(int(summary.totalShuffleWrite()) for summary in summaries)
            seconds = sum(int(summary.totalDuration()) for summary in summaries) / 1000
            return dict(zip(_TASK_COSTS, (read, shuffled, seconds), strict=True))
        except Exception:  # a stopped context must not hide the error that stopped it
            return None
