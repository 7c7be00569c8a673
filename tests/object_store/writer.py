"""A writer in a process of its own, as a second driver is: python -m tests.object_store.writer NAME WAREHOUSE FOLDER."""

from __future__ import annotations

import json
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from libs.conf import conf_root, load
from libs.errors import OperatorError
from libs.spark import delta, log_store
from libs.spark.session import build_session
from libs.tables import table
from tests.s3_server import FORGETFUL

RACES, SLOT_S, COMMITS = 30, 0.15, 4
# Ours, and the one that Delta takes for S3 unless told otherwise.
STORES = {"ours": "reasonrec.ConditionalPutLogStore", "delta": "io.delta.storage.S3SingleDriverLogStore"}


def main(name: str, warehouse: str, folder: Path) -> None:
    env = load(conf_root(), "test", None).env.model_copy(update={"warehouse": warehouse})
    spark = build_session(env, f"writer {name}")
    won = {}
    for kind, java in STORES.items():
        meet(folder, name, f"race-{kind}")
        won[kind] = race(spark, name, f"{warehouse}/{kind}/_delta_log", java)
    meet(folder, name, "commits")
    for number in range(COMMITS):
        commit(spark, warehouse, name, number)
    told = {"won": won, "forgetful": refusal(spark)}
    (folder / f"{name}.json").write_text(json.dumps(told))


def refusal(spark: SparkSession) -> str:
    """What a session is told of a store in which commits would be lost."""
    try:
        log_store.refuse_unsafe(spark, f"s3a://{FORGETFUL}/warehouse")
    except OperatorError as error:
        return str(error)
    return ""


def meet(folder: Path, name: str, place: str) -> None:
    """Waits until both writers are there, then until the next whole slot."""
    (folder / f"{name}-{place}").touch()
    while len(list(folder.glob(f"*-{place}"))) < 2:
        time.sleep(0.01)
    time.sleep(2 * SLOT_S - time.time() % SLOT_S)


def race(spark: SparkSession, name: str, log: str, java: str) -> list[int]:
    """Writes each version at the instant at which the other does; those that the store says were written."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    store = jvm
    for part in java.split("."):
        store = getattr(store, part)
    store = store(conf)
    won = []
    start = time.time() // SLOT_S * SLOT_S + SLOT_S
    for version in range(RACES):
        lines = jvm.java.util.ArrayList()
        lines.add(name)
        path = jvm.org.apache.hadoop.fs.Path(f"{log}/{version:020d}.json")
        time.sleep(max(0.0, start + version * SLOT_S - time.time()))
        try:
            store.write(path, lines.iterator(), False, conf)
            won.append(version)
        except Py4JJavaError as error:
            if "FileAlreadyExistsException" not in str(error.java_exception.toString()):
                raise
    return won


def commit(spark: SparkSession, warehouse: str, name: str, number: int) -> None:
    """A day of this writer's own, by the way that every job writes."""
    found = table("quality.ingest_counts")
    day = date(2020, 1, 1) + timedelta(days=2 * number + (name == "b"))
    values = {"shop": "tiny", "period": "2020-01", "day": day, "source": name, "kind": "k"}
    row = tuple(values.get(c.name, 0) for c in found.columns)
    frame = spark.createDataFrame([row], found.ddl).coalesce(1)
    delta.write(spark, warehouse, found, frame, "tiny", window=(day, day + timedelta(days=1)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
