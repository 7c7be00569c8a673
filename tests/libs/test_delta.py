from datetime import date

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
