"""What an expression of a mapping may call, and what an error in one row does to the others."""

import pytest
from pyspark.errors import AnalysisException

from libs.errors import OperatorError
from libs.ingest.mapping import lenient
from libs.spark.expressions import MissingColumnError, expression

FILES = "use the columns of the row only"
ROWS = "it changes the number of rows; an expression gives one value for one row"
REFUSED = {
    "(select max(x) from t)": "a subquery is not allowed: an expression sees the columns of its row only",
    "x in (select value from text.`/etc/passwd`)": "a subquery is not allowed: an expression sees the columns of its row only",
    "exists(select 1)": "a subquery is not allowed: an expression sees the columns of its row only",
    "concat(x, (select 1))": "a subquery is not allowed: an expression sees the columns of its row only",
    "sum(x)": f"sum(...) is not allowed: {ROWS}",
    "any_value(x)": "a window or an aggregate is not allowed: an expression sees one row",
    "explode(a)": f"explode(...) is not allowed: {ROWS}",
    "json_tuple(x, 'k')": f"json_tuple(...) is not allowed: {ROWS}",
    "row_number()": f"row_number(...) is not allowed: {ROWS}",
    "max(x) over (partition by z)": "a window or an aggregate is not allowed: an expression sees one row",
    "window(x, '1 day')": f"window(...) is not allowed: {ROWS}",
    "reflect('java.lang.System', 'getenv', x)": f"reflect(...) is not allowed: it runs Java; {FILES}",
    "transform(a, v -> upper(java_method('a.B', 'c', v)))": f"java_method(...) is not allowed: it runs Java; {FILES}",
    "`try_reflect`('a.B', 'c')": f"try_reflect(...) is not allowed: it runs Java; {FILES}",
    "builtin.reflect('a.B', 'c')": f"builtin.reflect(...) is not allowed: it runs Java; {FILES}",
    "identifier('ref' || 'lect')('a.B', 'c')": "IDENTIFIER(...) is not allowed: write the name itself",
    "input_file_name()": f"input_file_name(...) is not allowed: it sees more than the row; {FILES}",
    "current_user()": f"current_user(...) is not allowed: it sees more than the row; {FILES}",
    "version()": f"version(...) is not allowed: it sees more than the row; {FILES}",
    "monotonically_increasing_id()": f"monotonically_increasing_id(...) is not allowed: it sees more than the row; {FILES}",
    "xpath_string(x, 'a')": f"xpath_string(...) is not allowed: it sees more than the row; {FILES}",
    "from_xml(x, 'a int')": f"from_xml(...) is not allowed: it sees more than the row; {FILES}",
    "from_avro(x, 'a')": f"from_avro(...) is not allowed: it sees more than the row; {FILES}",
    "aes_encrypt(x, z)": f"aes_encrypt(...) is not allowed: it sees more than the row; {FILES}",
    "raise_error(x)": f"raise_error(...) is not allowed: it sees more than the row; {FILES}",
    "uuid()": f"uuid(...) is not allowed: it sees more than the row; {FILES}",
    "rand()": f"rand() is not allowed: it differs from run to run; {FILES}",
    "now()": f"now() is not allowed: it differs from run to run; {FILES}",
    "unix_timestamp()": f"unix_timestamp() is not allowed: it differs from run to run; {FILES}",
    "shuffle(a)": f"shuffle() is not allowed: it differs from run to run; {FILES}",
    "my_function(x)": "my_function(...) is no function of Spark; correct its name",
    "x name": "AS name is an alias: leave it out, or write `x name` in backquotes for a column with a blank",
    "upper(x) as y": "AS y is an alias: leave it out, or write `user name` in backquotes for a column with a blank",
    "*": "* is not allowed: name one column",
    ":x": "a parameter has no value here: write the value itself",
    "x -> 1": "-> belongs between the brackets of a function, as in transform(x, y -> y + 1)",
    "x rlike '('": "wrong for every row: Unclosed group near index 1 (",
    "transform(a, v -> split(v, '('))": "wrong for every row: Unclosed group near index 1 (",
    "to_timestamp(x, 'bbbb')": "wrong for every row: Unknown pattern letter: b",
    "x collate klingon": "not a valid SQL expression: The value klingon does not represent a correct collation name.",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(spark):
    return spark.createDataFrame(
        [
            ("1578218400000", "Europe/Paris", ["b", None, "a"], '{"k": 1}', "r"),
            ("1578218400000000000", "Mars/Base", None, "[", "r"),
        ],
        "x string, z string, a array<string>, j string, row string",
    )


@pytest.mark.parametrize(("sql", "refusal"), REFUSED.items())
def test_an_expression_may_use_its_row_only(spark, rows, sql, refusal):
    with lenient(spark, "UTC"), pytest.raises(OperatorError) as caught:
        expression(rows, sql, "row")
    assert str(caught.value).startswith(refusal)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sql", ["current_date", "user", "`User`", "nope", "upper(nope)", "_metadata.file_path"])
def test_a_column_that_the_source_lacks_is_none_of_sparks_functions(spark, rows, sql):
    with lenient(spark, "UTC"), pytest.raises(MissingColumnError, match=r"^(current_date|[uU]ser|nope|_metadata.*)$"):
        expression(rows, sql, "row")


def test_a_column_may_have_the_name_of_a_function(spark):
    named = spark.createDataFrame([("ann", "r")], "user string, row string")
    with lenient(spark, "UTC"):
        columns = [
            expression(named, sql, "row")[0] for sql in ("user", "upper(User)", "transform(array(user), now -> now)[0]")
        ]
        assert [*named.select(*columns).first()] == ["ann", "ANN", "ann"]


def test_what_is_not_sql_is_told_by_spark(spark, rows):
    for sql in ("cast(x as", "", "upper(x, z)"):
        with lenient(spark, "UTC"), pytest.raises(AnalysisException):
            expression(rows, sql, "row")


# Each with its values in the two rows: null where the expression raises an error, in Spark's own words "long overflow",
# "unknown time zone", "index out of bounds".
VALUES = {
    "date_format(timestamp_millis(cast(x as bigint)), 'yyyy-MM-dd')": ("2020-01-05", None),
    # The same value inside two others: Spark must not compute it once, outside both.
    "cast(timestamp_millis(cast(x as bigint)) as date)": ("2020-01-05", None),
    "year(timestamp_millis(cast(x as bigint)))": ("2020", None),
    "to_utc_timestamp('2020-01-05 10:00:00', z)": ("2020-01-05 09:00:00", None),
    "transform(array(z), v -> to_utc_timestamp('2020-01-05 10:00:00', v))[0]": ("2020-01-05 09:00:00", None),
    "element_at(a, 1)": ("b", None),
    "element_at(a, 0)": (None, None),
    "make_date(2020, 13, 45)": (None, None),
    "regexp_replace('(', if(z = 'Mars/Base', '(', 'a'), 'b')": ("(", None),
    "'${env:HOME}'": ("${env:HOME}",) * 2,
    "null": (None, None),
    "x": ("1578218400000", "1578218400000000000"),
    "x::int": (None, None),
    "try_cast(x as bigint) + 1": ("1578218400001", "1578218400000000001"),
    "case when z = 'Mars/Base' then 'm' when x like '1%' then 'e' end": ("e", "m"),
    "if(x is null or x in ('a'), 1, 2)": ("2", "2"),
    "substring(x from 1 for 2) || trim(both 'E' from 'Eo')": ("15o", "15o"),
    "extract(year from date '2020-01-01' + interval 1 day)": ("2020", "2020"),
    "from_json(j, 'k int').k": ("1", None),
    "get_json_object(j, '$.k')": ("1", None),
    "variant_get(parse_json(j), '$.k', 'int')": ("1", None),
    "array_join(array_sort(filter(a, v -> v is not null)), '-')": ("a-b", None),
    "array_join(array_sort(a, (l, r) -> case when l < r then -1 else 1 end), '-')": ("b-a", None),
    "aggregate(a, '', (s, v) -> concat(s, coalesce(v, '')))": ("ba", None),
    "struct(x as b).b": ("1578218400000", "1578218400000000000"),
    "map('k', z)['k']": ("Europe/Paris", "Mars/Base"),
    "split(z, '/')[1]": ("Paris", "Base"),
    "regexp_extract(z, '(\\\\w+)/', 1)": ("Europe", "Mars"),
    "to_date('05.01.2020', 'dd.MM.yyyy')": ("2020-01-05",) * 2,
    "typeof(a)": ("array<string>",) * 2,
    "sha2(z, 256) = sha2('Mars/Base', 256)": ("false", "true"),
    "parse_url('http://a.b/c', 'HOST')": ("a.b", "a.b"),
    "decode(unhex('6162'), 'utf-8')": ("ab", "ab"),
}


def test_an_error_in_a_row_is_null_in_this_row_alone(spark, rows):
    with lenient(spark, "UTC"):
        columns = [expression(rows, sql, "row")[0].cast("string").alias(sql) for sql in VALUES]
        first, second = rows.select(*columns).collect()
    assert dict(zip(VALUES, zip(first, second, strict=True), strict=True)) == VALUES


def test_the_type_is_the_expression_s_own(spark, rows):
    with lenient(spark, "UTC"):
        types = {sql: expression(rows, sql, "row")[1].simpleString() for sql in ("x", "null", "split(x, 'a')", "x > 1")}
    assert types == {"x": "string", "null": "void", "split(x, 'a')": "array<string>", "x > 1": "boolean"}
