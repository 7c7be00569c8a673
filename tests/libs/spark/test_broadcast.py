from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.serializers import ChunkedStream, read_int

from libs.spark.broadcast import _InBand, broadcast

LARGE = {"weights": np.arange(20_000.0)}  # 160 kB


class Kept(io.BytesIO):
    def close(self) -> None:
        pass


def through_the_stream(value: object) -> object:
    """As PySpark writes a broadcast that is encrypted: frames with their lengths before them."""
    out = Kept()
    stream = ChunkedStream(out, 8192)
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.close()
    out.seek(0)
    frames = []
    while (length := read_int(out)) > 0:
        frames.append(out.read(length))
    return pickle.loads(b"".join(frames))


def test_a_large_array_passes_the_stream_that_encrypts():
    found = through_the_stream(_InBand(LARGE))
    assert found["weights"].tolist() == LARGE["weights"].tolist()
    # When PySpark's stream takes it as it is, libs/spark/broadcast.py may go.
    with pytest.raises(TypeError, match="PickleBuffer"):
        through_the_stream(LARGE)


def test_a_task_finds_the_value_itself(spark):
    sent = broadcast(spark, LARGE)
    assert spark.sparkContext.parallelize([1], 1).map(lambda _: sent.value["weights"].sum()).collect() == [199990000.0]


def test_what_a_job_sent_is_gone_after_it(warehouse):
    ctx = warehouse.context("products.item_pairs")
    sent, one = ctx.broadcast(LARGE), ctx.spark.sparkContext.parallelize([1], 1)
    assert one.map(lambda _: len(sent.value)).collect() == [1]
    ctx.free()
    with pytest.raises(Py4JJavaError, match="after it was destroyed"):
        one.map(lambda _: len(sent.value)).collect()
