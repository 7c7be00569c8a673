"""A value for all tasks that Spark can encrypt on its way to them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from pyspark import Broadcast
from pyspark.sql import SparkSession

T = TypeVar("T")


class _InBand:
    """Is unpickled as the value itself."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (pickle.dumps(self._value, pickle.HIGHEST_PROTOCOL),)


def broadcast(spark: SparkSession, value: T) -> Broadcast[T]:
    """The value in each task, there alone: the driver has it already.

    Where `spark.io.encryption.enabled`, PySpark writes what it broadcasts by a stream of its own, which asks for the
    length of each piece: an array of 64 KiB or more is handed to it as a buffer, which has none (4.0.1, ChunkedStream).
    """
    shared: Broadcast[T] = spark.sparkContext.broadcast(_InBand(value))
    return shared
