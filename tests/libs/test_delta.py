from datetime import date

import pytest
from delta.exceptions.captured import ConcurrentAppendException

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
    monkeypatch.setattr(delta.time, "sleep", lambda _: None)
    tried = []

    def commit(alone):
        tried.append(alone)
        if len(tried) <= lost:
            raise ConcurrentAppendException("another came first", "")
        return "done"

    events = table("silver.events")
    if lost < tries:
        assert delta.committed("s3a://bucket/silver/events", events, commit) == "done"
    else:
        with pytest.raises(delta.ConflictError, match=r"silver\.events: other runs wrote to it 6 times"):
            delta.committed("s3a://bucket/silver/events", events, commit)
    assert tried == [False] * tries
