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


IDS = {
    # as delivered -> as stored
    "85123A": "85123A",
    " \t85123A\u00a0": "85123A",
    "\u200b85123A\u3000": "85123A",
    "\ufeff85123A": "85123A",
    "85\u200d123\u202eA": "85123A",
    "cafe\u0301": "caf\xe9",
    "００１２３": "００１２３",  # full-width digits are another id
    "A/B 1": "A/B 1",
    "00123": "00123",
    "NULL": None,
    " nan\u00a0": None,
    "\\N": None,
    "n/a": None,
    "": None,
    "\u2009\u00a0": None,
    "[]": None,
    "-": "-",
    "0": "0",
}


def test_an_id_is_the_same_however_it_is_spelled_and_a_null_word_is_none(spark):
    schema = f"id string, {ROW} string, {BROKEN} string, {DELIVERED} date"
    raw = spark.createDataFrame([(text, text, None, None) for text in IDS], schema)
    columns = {"product_id": "id", "title": "id", "price": "id"}
    source = {"kind": "products", "path": "x.csv", "format": "csv", "columns": columns, "attributes": {"shelf": "id"}}
    rows = mapped(raw, SourceConf.model_validate(source), CONTRACT["products"], "products", "UTC").collect()
    assert {row[ROW]: row["product_id"] for row in rows} == IDS
    assert [row["title"] for row in rows] == list(IDS)  # a title NULL is a title
    assert {row[ROW] for row in rows if row["price"] is None} == {
        text for text, stored in IDS.items() if stored is None
    }
    assert {row[ROW] for row in rows if row["attributes"] is None} == {"", "\u2009\u00a0"}  # a word is a value there
    mine = SourceConf.model_validate(source | {"null_values": ["-", " 0 "]})
    kept = mapped(raw, mine, CONTRACT["products"], "products", "UTC").collect()
    assert {row[ROW] for row in kept if row["product_id"] is None} == {"", "\u2009\u00a0", "[]", "-", "0"}


def test_a_whole_number_is_written_alike_whatever_its_type(spark):
    values = [123.0, 1.5, -0.0, 1e15, 1e20, float("nan"), float("inf"), None]
    schema = f"id double, {ROW} string, {BROKEN} string, {DELIVERED} date"
    raw = spark.createDataFrame([(value, str(i), None, None) for i, value in enumerate(values)], schema)
    columns = {"user_id": "id", "product_id": "cast(cast(id as float) as decimal(20,2))"}
    source = SourceConf.model_validate(
        {"kind": "interactions", "path": "x", "format": "parquet",
         "columns": columns | {"event_time": "id", "kind": "'view'", "value": "id"}}
    )  # fmt: skip
    rows = mapped(raw, source, CONTRACT["interactions"], "views", "UTC").orderBy(ROW).collect()
    written = ["123", "1.5", "0", "1000000000000000", "1.0E20", None, None, None]
    assert [row["user_id"] for row in rows] == [row["value"] for row in rows] == written
    assert [row["product_id"] for row in rows][:3] == ["123", "1.50", "0"]
