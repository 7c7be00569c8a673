import re

import pytest

from libs.conf import load_shop
from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.groups import BROKEN, DELIVERED, FileGroup
from libs.ingest.lines import FILE, ROW
from libs.ingest.mapping import mapped
from libs.tables import CONTRACT
from tests.conftest import ROOT

ADDED = f"{ROW} string, {BROKEN} string, {DELIVERED} date, {FILE} string"
OVERFLOW = "timestamp_millis(cast(t as bigint))"


def rows_of(spark, kind, raw, schema, columns, **other):
    """The mapped rows of a source; `raw` are its rows, `schema` its columns."""
    frame = spark.createDataFrame([(*row, "r", None, None, "F") for row in raw], f"{schema}, {ADDED}")
    source = {"kind": kind, "path": "x.csv", "format": "csv", "columns": columns} | other
    return mapped(FileGroup(frame, ["F"]), SourceConf.model_validate(source), CONTRACT[kind], "W", "UTC").collect()


def test_edges_of_a_directed_source_say_so(spark):
    told = {}
    for directed in (True, False):
        columns = {"user_id": "a", "friend_id": "b"}
        [row] = rows_of(spark, "social_edges", [("ann", "bob")], "a string, b string", columns, directed=directed)
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
    columns = {"product_id": "id", "title": "id", "price": "id"}
    raw = [(text,) for text in IDS]
    rows = rows_of(spark, "products", raw, "id string", columns, attributes={"shelf": "id"})
    assert {row["title"]: row["product_id"] for row in rows} == IDS  # a title NULL is a title
    assert {row["title"] for row in rows if row["price"] is None} == {
        text for text, stored in IDS.items() if stored is None
    }
    assert {row["title"] for row in rows if row["attributes"] is None} == {
        "",
        "\u2009\u00a0",
    }  # a word is a value there
    rows = rows_of(spark, "products", raw, "id string", columns, null_values=["-", " 0 "])
    assert {row["title"] for row in rows if row["product_id"] is None} == {"", "\u2009\u00a0", "[]", "-", "0"}


def test_a_whole_number_is_written_alike_whatever_its_type(spark):
    values = [123.0, 1.5, -0.0, 1e15, 1e20, float("nan"), float("inf"), None]
    columns = {"user_id": "id", "product_id": "cast(cast(id as float) as decimal(20,2))", "event_time": "id"}
    columns |= {"kind": "'view'", "value": "id"}
    rows = rows_of(spark, "interactions", [(value,) for value in values], "id double", columns)
    written = ["123", "1.5", "0", "1000000000000000", "1.0E20", None, None, None]
    assert [row["user_id"] for row in rows] == [row["value"] for row in rows] == written
    assert [row["product_id"] for row in rows][:3] == ["123", "1.50", "0"]


def test_an_error_in_one_row_is_null_there_in_every_part_of_a_mapping(spark):
    """`where` and `exclude` hold only where they can be computed."""
    raw = [("ann", "1578218400000"), ("bob", "9" * 18), ("cy", "0")]
    columns = {"product_id": "u", "title": "u", "known_at": f"date({OVERFLOW})"}
    parts = {"attributes": {"seen": f"year({OVERFLOW})"}, "exclude": {"old": f"{OVERFLOW} < '2019-01-01'"}}
    rows = rows_of(spark, "products", raw, "u string, t string", columns, **parts)
    assert [(row["product_id"], row["known_at"], row["attributes"], row["excluded"]) for row in rows] == [
        ("ann", "2020-01-05", {"seen": "2020"}, None),
        ("bob", None, None, None),
        ("cy", "1970-01-01", {"seen": "1970"}, "old"),
    ]
    rows = rows_of(spark, "products", raw, "u string, t string", columns, where=f"{OVERFLOW} < '2030-01-01'")
    assert [row["product_id"] for row in rows] == ["ann", "cy"]


def test_arrays_are_joined_where_text_is_needed(spark):
    columns = {"product_id": "p", "title": "p", "category": "path"}
    schema = "p string, path array<string>, sizes array<int>, deep array<array<string>>"
    raw = [("mug", ["Home", None, "Mugs"], [1, 2], [["a"]]), ("cup", None, [], None)]
    rows = rows_of(spark, "products", raw, schema, columns, join=" > ", attributes={"sizes": "sizes"})
    assert [(row["category"], row["attributes"]) for row in rows] == [
        ("Home > Mugs", {"sizes": "1 > 2"}),
        (None, None),
    ]
    for sql, join, type_, way in (
        ("path", None, "array<string>", "; add `join: ' > '` to the source, or write array_join(x, ' > ')"),
        ("deep", " > ", "array<array<string>>", ""),
        ("map(p, p)", " > ", "map<string,string>", ""),
    ):
        message = f"W.columns.category: is {type_}, string is needed{way}"
        with pytest.raises(OperatorError, match=f"^{re.escape(message)}$"):
            rows_of(spark, "products", raw, schema, columns | {"category": sql}, join=join)


@pytest.mark.parametrize(
    ("part", "sql", "message"),
    [
        ("columns", "user name", "W.columns.title: write the column's name in backquotes: `user name`"),
        ("columns", "list-price", "W.columns.title: write the column's name in backquotes: `list-price`"),
        ("columns", "user", "W.columns.title: F has no column user; it has p, user name, list-price (`optional` lists what files may lack)"),
        ("attributes", "(select 1)", "W.attributes.title: a subquery is not allowed: an expression sees the columns of its"
         " row only"),
        ("sensitive", "uuid()", "W.sensitive.title: uuid(...) is not allowed: it sees more than the row; use the columns of"
         " the row only"),
        ("exclude", "rand() > 0", "W.exclude.title: rand() is not allowed: it differs from run to run; use the columns of the"
         " row only"),
        ("where", "reflect('a.B', 'c') = 1", "W.where: reflect(...) is not allowed: it runs Java; use the columns of the row"
         " only"),
    ],
)  # fmt: skip
def test_a_refused_expression_is_named_by_its_place(spark, part, sql, message):
    columns = {"user_id": "p"} if part == "sensitive" else {"product_id": "p", "title": "p"}
    kind = "users" if part == "sensitive" else "products"
    other = {"where": sql} if part == "where" else {part: {"title": sql}}
    if part == "columns":
        columns, other = columns | other["columns"], {}
    with pytest.raises(OperatorError, match=f"^{re.escape(message)}$"):
        rows_of(spark, kind, [], "p string, `user name` string, `list-price` string", columns, **other)


def test_a_key_named_as_a_function_that_no_line_of_a_day_has_is_empty(spark):
    columns = {"product_id": "p", "title": "user"}
    [row] = rows_of(spark, "products", [("mug",)], "p string", columns, path="{date}.jsonl", format="jsonl")
    assert row["title"] is None


SCHEMAS = {
    "music_store": "reviewerID string, asin string, unixReviewTime string, overall string, summary string, reviewText string,"
    " title string, description string, brand string, price string, categories array<array<string>>",
    "online_retail": "InvoiceNo string, CustomerID double, StockCode string, InvoiceDate timestamp_ntz, Quantity bigint,"
    " UnitPrice double, Country string, Description string",
}  # fmt: skip


@pytest.mark.parametrize("shop", SCHEMAS)
def test_the_mappings_of_conf_are_allowed(spark, shop):
    frame = spark.createDataFrame([], f"{SCHEMAS[shop]}, {ADDED}")
    for name, source in load_shop(ROOT / "conf", shop).sources.items():
        rows = mapped(FileGroup(frame, ["F"]), source, CONTRACT[source.kind], name, "UTC")
        assert {*CONTRACT[source.kind].types} <= {*rows.columns}
