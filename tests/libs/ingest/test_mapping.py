from libs.conf.shop import SourceConf
from libs.ingest.lines import FILE, ROW
from libs.ingest.mapping import mapped
from libs.ingest.sources import BROKEN, DELIVERED, FileGroup
from libs.tables import CONTRACT


def test_edges_of_a_directed_source_say_so(spark):
    raw = spark.createDataFrame(
        [("ann", "bob", "r", None, None, "f")],
        f"a string, b string, {ROW} string, {BROKEN} string, {DELIVERED} date, {FILE} string",
    )
    edges = {"kind": "social_edges", "path": "x.csv", "format": "csv", "columns": {"user_id": "a", "friend_id": "b"}}
    told = {}
    for directed in (True, False):
        source = SourceConf.model_validate(edges | {"directed": directed})
        [row] = mapped(FileGroup(raw, ["f"]), source, CONTRACT["social_edges"], "edges", "UTC").collect()
        told[directed] = (row["user_id"], row["friend_id"], row["directed"])
    assert told == {True: ("ann", "bob", "true"), False: ("ann", "bob", None)}
