import re

import pytest

from libs.conf import load_shop
from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.mapping import mapped
from libs.ingest.sources import BROKEN, DELIVERED, ROW
from libs.tables import CONTRACT
from tests.conftest import ROOT

ADDED = f"{ROW} string, {BROKEN} string, {DELIVERED} date"
OVERFLOW = "timestamp_millis(cast(t as bigint))"


def rows_of(spark, kind, raw, schema, columns, **other):
    """The mapped rows of a source; `raw` are its rows, `schema` its columns."""
    frame = spark.createDataFrame([(*row, "r", None, None) for row in raw], f"{schema}, {ADDED}")
    source = {"kind": kind, "path": "x.csv", "format": "csv", "columns": columns} | other
    return mapped(frame, SourceConf.model_validate(source), CONTRACT[kind], "W", "UTC").collect()


def test_edges_of_a_directed_source_say_so(spark):
    told = {}
    for directed in (True, False):
        columns = {"user_id": "a", "friend_id": "b"}
        [row] = rows_of(spark, "social_edges", [("ann", "bob")], "a string, b string", columns, directed=directed)
        told[directed] = (row["user_id"], row["friend_id"], row["directed"])
    assert told == {True: ("ann", "bob", "true"), False: ("ann", "bob", None)}


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
        (None, {"sizes": ""}),
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
        ("columns", "user", "W.columns.title: the source has no column user; it has p, user name, list-price"),
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
    source = {"path": "{date}.jsonl", "format": "jsonl"}
    columns = {"order_id": "p", "user_id": "user", "product_id": "p", "event_time": "p", "quantity": "1", "price": "1"}
    [row] = rows_of(spark, "transactions", [("mug",)], "p string", columns, **source)
    assert row["user_id"] is None


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
        rows = mapped(frame, source, CONTRACT[source.kind], name, "UTC")
        assert {*CONTRACT[source.kind].types} <= {*rows.columns}
