"""Broadcast variables that also work when Spark encrypts them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from pyspark import Broadcast
from pyspark.sql import SparkSession

T = TypeVar("T")


class _InBand:
    """Pickles a value as one byte string; unpickling gives the value itself."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (pickle.dumps(self._value, pickle.HIGHEST_PROTOCOL),)


def broadcast(spark: SparkSession, value: T) -> Broadcast[T]:
    """Broadcasts a value to the tasks. Read `.value` in tasks only: the driver already has the value.

    With `spark.io.encryption.enabled`, PySpark pickles broadcasts through its own stream, which calls `len` on each
    piece. Pickle passes an array of 64 KiB or more as a buffer without a length, so the value is pickled to bytes first
    (PySpark 4.0.1, ChunkedStream).
    """
    shared: Broadcast[T] = spark.sparkContext.broadcast(_InBand(value))
    return shared
