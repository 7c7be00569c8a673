from datetime import UTC, date, datetime

import pytest
from delta.exceptions.captured import ConcurrentAppendException
from delta.tables import DeltaTable

from libs.errors import ConflictError
from libs.spark import delta
from libs.tables import table
from tests.builders import event


def test_a_first_write_goes_on_among_the_files_of_a_writer_that_died(warehouse):
    events = table("silver.events")
    path = delta.uri(warehouse.conf.env.warehouse, events)
    warehouse.spark.createDataFrame([(1,)], "left int").write.parquet(path)  # staged, never committed
    row = {"shop": "tiny", "period": "2020-01"} | event("u", "a", "2020-01-03")
    rows = warehouse.spark.createDataFrame([tuple(row.get(c) for c in events.column_names)], events.ddl)
    window = (date(2020, 1, 1), date(2020, 2, 1))
    delta.write(warehouse.spark, warehouse.conf.env.warehouse, events, rows, "tiny", window)
    assert warehouse.rows("silver.events", "user_id", "product_id") == [("u", "a")]
    assert delta.snapshot(warehouse.spark, path).metadata().configuration().contains(delta.SCHEMA_VERSION)


@pytest.mark.parametrize(("lost", "tries"), [(2, 3), (99, 6)])
def test_a_commit_that_another_writer_forestalls_is_tried_again(monkeypatch, lost, tries):
    tried, waits = [], []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)

    def commit(alone):
        tried.append(alone)
        if len(tried) <= lost:
            raise ConcurrentAppendException("another came first", "")
        return "done"

    events = table("silver.events")
    if lost < tries:
        assert delta.committed("s3a://bucket/silver/events", events, commit) == "done"
    else:
        with pytest.raises(ConflictError, match=r"silver\.events: other runs wrote to it 6 times"):
            delta.committed("s3a://bucket/silver/events", events, commit)
    assert tried == [False] * tries
    assert len(waits) == tries - 1
    assert all(0.1 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits, 1))


def test_rows_and_bytes_of_a_write_are_those_that_delta_tells(warehouse):
    """Of a first load, of a window replaced by fewer rows, of a merge and of no commit at all."""
    spark, uri = warehouse.spark, warehouse.conf.env.warehouse

    def told(name):
        [row] = DeltaTable.forPath(spark, delta.uri(uri, table(name))).history(1).collect()
        return {name: int(value) for name, value in row["operationMetrics"].items() if value.isdigit()}

    events, window = table("silver.events"), (date(2020, 1, 1), date(2020, 2, 1))
    full = [{"shop": "tiny", "period": "2020-01"} | event("u", p, "2020-01-03", row_id=p) for p in "abc"]
    rows = [tuple(row.get(c) for c in events.column_names) for row in full]
    for some in (rows, rows[:2]):
        written = delta.write(spark, uri, events, spark.createDataFrame(some, events.ddl), "tiny", window)
        metrics = told("silver.events")  # of a replaced window Delta tells no rows
        assert written == (metrics.get("numOutputRows"), metrics["numOutputBytes"])
    # No rows in the place of none: Delta commits nothing, and the newest commit is another shop's.
    nothing = spark.createDataFrame([], events.ddl)
    assert delta.write(spark, uri, events, nothing, "other", window) == (0, 0)

    pins = table("results.pins")
    values = {"shop": "tiny", "seq": 1, "reason": "test", "pinned_at": datetime(2020, 1, 4)}
    pin = spark.createDataFrame([tuple(values.get(c) for c in pins.column_names)], pins.ddl)
    for _ in range(2):
        rows_of_pins, added = delta.write(spark, uri, pins, pin, "tiny")
        assert rows_of_pins == 1
    assert added == told("results.pins")["numTargetBytesAdded"]


def test_records_are_appended_without_spark_and_many_files_become_one(warehouse, monkeypatch):
    spark, uri, alarms = warehouse.spark, warehouse.conf.env.warehouse, table("quality.alarms")
    monkeypatch.setattr(delta, "_MANY_FILES", 3)

    def record(number):
        at = datetime(2020, 1, 4, 5, number, tzinfo=UTC)
        return ("tiny", "run", date(2020, 1, 4), "failed_job", f"job {number}", "it's \u00fc", "look", at)

    for number in range(4):
        delta.append_records(spark, uri, alarms, [record(number)])
    assert len(delta.live_files(delta.read(spark, uri, alarms))) == 1
    delta.append_records(spark, uri, alarms, [record(4), record(5)])
    read = delta.read(spark, uri, alarms)
    assert len(delta.live_files(read)) == 2
    assert sorted(row["raised_at"].astimezone(UTC) for row in read.collect()) == [record(n)[-1] for n in range(6)]
    assert {tuple(row)[:-1] for row in read.collect()} == {record(n)[:-1] for n in range(6)}
