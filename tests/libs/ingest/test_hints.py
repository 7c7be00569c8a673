"""What a message advises for values of common kinds."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.ingest.hints import hint, shown
from libs.ingest.mapping import lenient
from libs.ingest.row_rules import typed

# type, value as delivered -> the expression that is advised, what it reads
READ = {
    ("double", "12,50"): ("replace(x, ',', '.')", "12.5"),
    ("double", "1.234,50"): ("replace(replace(x, '.', ''), ',', '.')", "1234.5"),
    ("double", "1,234.50"): ("replace(x, ',', '')", "1234.5"),
    ("double", "1,234"): ("replace(x, ',', '')", "1234.0"),
    ("double", "1.234.567"): ("replace(x, '.', '')", "1234567.0"),
    ("double", "$12.50"): ("regexp_replace(x, '[^0-9.-]', '')", "12.5"),
    ("double", "$1,234.50"): ("regexp_replace(x, '[^0-9.-]', '')", "1234.5"),
    ("double", "12.50 EUR"): ("regexp_replace(x, '[^0-9.-]', '')", "12.5"),
    ("double", "-12,50 €"): ("replace(regexp_replace(x, '[^0-9,-]', ''), ',', '.')", "-12.5"),
    ("double", "1 234,50"): ("replace(regexp_replace(x, '[^0-9,-]', ''), ',', '.')", "1234.5"),
    ("double", "1'234.50"): ("regexp_replace(x, '[^0-9.-]', '')", "1234.5"),
    ("double", "4.0 out of 5 stars"): ("regexp_extract(x, '[0-9.]+', 0)", "4.0"),
    ("int", "3.5"): ("round(x)", "4"),
    ("int", "2 pcs"): ("regexp_replace(x, '[^0-9.-]', '')", "2"),
    ("timestamp", "25/12/2020"): ("to_timestamp(x, 'd/M/yyyy')", "2020-12-25 00:00:00"),
    ("timestamp", "5.2.2020 9:07"): ("to_timestamp(x, 'd.M.yyyy H:mm')", "2020-02-05 09:07:00"),
    ("timestamp", "12/25/20 9:07 PM"): ("to_timestamp(x, 'M/d/yy h:mm a')", "2020-12-25 21:07:00"),
    ("timestamp", "2020/1/5 10:00:07"): ("to_timestamp(x, 'yyyy/M/d H:mm:ss')", "2020-01-05 10:00:07"),
    ("timestamp", "5-Jan-2020"): ("to_timestamp(x, 'd-MMM-yyyy')", "2020-01-05 00:00:00"),
    ("timestamp", "January 5, 2020"): ("to_timestamp(x, 'MMMM d, yyyy')", "2020-01-05 00:00:00"),
    ("timestamp", "20200105"): ("to_timestamp(x, 'yyyyMMdd')", "2020-01-05 00:00:00"),
    ("timestamp", "1578218400"): ("timestamp_seconds(cast(x as bigint))", "2020-01-05 10:00:00"),
    ("timestamp", "1578218400000"): ("timestamp_millis(cast(x as bigint))", "2020-01-05 10:00:00"),
    ("timestamp", "43835.4"): ("date_add('1899-12-30', cast(x as int))", "2020-01-05 00:00:00"),
    ("boolean", "ja"): ("x = 'ja'", "true"),
}  # fmt: skip
WORDS = {"int": "a whole number", "double": "a number", "timestamp": "a time", "boolean": "true or false"}


def test_the_advised_expression_reads_the_value(spark: SparkSession) -> None:
    for (type_, value), (sql, _) in READ.items():
        advice = hint(f"c is not {WORDS[type_]}", "c", type_, "x", value)
        assert (advice or "").startswith(f"write {sql} in columns.c"), (value, advice)
    with lenient(spark, "UTC"):
        read = [
            typed(F.expr(sql.replace("x,", "v,").replace("(x ", "(v ").replace("(x)", "(v)").replace("x =", "v ="))
                  .cast("string"), type_, "UTC").cast("string").alias(f"c{i}")
            for i, ((type_, _), (sql, _)) in enumerate(READ.items())
        ]  # fmt: skip
        rows = [
            spark.range(1).select(F.lit(value).alias("v")).select(column)
            for column, (_, value) in zip(read, READ, strict=True)
        ]
        results = [row.collect()[0][0] for row in rows]
    assert results == [result for _, result in READ.values()]


@pytest.mark.parametrize(
    ("reason", "value", "advice"),
    [
        ("c is not a number", "free", "add it to null_values if it means that there is none"),
        ("c is not a number", "--", "add it to null_values if it means that there is none"),
        ("c is not a number", "1e400", None),
        ("c is not a number", "1.2.3", None),
        ("rating is not 1 to 5", "7", "write x / 2 in columns.c"),
        ("rating is not 1 to 5", "85.5", "write x / 20 in columns.c"),
        (
            "rating is not 1 to 5",
            "0",
            "write 1 + x * 0.4 in columns.c for stars from 0 to 10, or where: x > 0 if 0 is no rating",
        ),
        ("price is negative", "-3", None),
    ],
)
def test_advice_that_is_no_plain_expression(reason: str, value: str, advice: str | None) -> None:
    assert hint(reason, "c", "double", "x", value) == advice


def test_an_undecided_date_says_so() -> None:
    advice = hint("event_time is not a time", "event_time", "timestamp", "day", "05/02/2020")
    assert advice == ("write to_timestamp(day, 'd/M/yyyy') in columns.event_time, or with d and M the other way round")


def test_a_shown_value_is_short_printable_and_one_line() -> None:
    assert shown("12,50") == "'12,50'"
    assert shown("a\x1b[31m\u202eb\nc") == r"'a\x1b[31m\u202eb c'"
    assert shown("x" * 41) == "'" + "x" * 39 + "…'"
