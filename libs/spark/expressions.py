"""SQL expressions from a shop's file: what they may call, and how an error in one row stays in that row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from libs.errors import OperatorError
from libs.spark.errors import root_cause
from libs.spark.jvm import java_class

_CATALYST = "org.apache.spark.sql.catalyst"
# Groups of Spark's functions that compute a value from a row's own values.
_GROUPS = {
    "array", "bitwise", "collection", "conditional", "conversion", "csv", "datetime", "hash", "json", "lambda", "map",
    "math", "predicate", "string", "struct", "url", "variant",
}  # fmt: skip
_OF_OTHER_GROUPS = {"typeof"}
# Functions of those groups that nevertheless answer differently in each run, or change the number of rows.
_UNSTABLE = {
    "curdate", "current_date", "current_timestamp", "localtimestamp", "now", "rand", "randn",
    "random", "randstr", "shuffle", "uniform",
}  # fmt: skip
_RESHAPING = {"json_tuple", "schema_of_variant_agg", "session_window", "window", "window_time"}
_UNSTABLE_WITHOUT_ARGUMENTS = {"to_unix_timestamp", "unix_timestamp"}
# What Spark takes for a function without brackets where no column has the name.
_BARE_FUNCTIONS = {
    "current_catalog", "current_database", "current_date", "current_schema", "current_time", "current_timestamp",
    "current_user", "grouping__id", "localtimestamp", "session_user", "user",
}  # fmt: skip
_SUBQUERIES = {
    "Exists", "FunctionTableSubqueryArgumentExpression", "InSubquery", "LateralSubquery", "ListQuery",
    "ScalarSubquery",
}  # fmt: skip
_NO_VALUES = {
    "ExpressionWithUnresolvedIdentifier": "IDENTIFIER(...) is not allowed: write the name itself",
    "MultiAlias": "AS (...) is not allowed: an expression gives one value",
    "NamedParameter": "a parameter has no value here: write the value itself",
    "PosParameter": "a parameter has no value here: write the value itself",
    "UnresolvedStar": "* is not allowed: name one column",
    "UnresolvedRegex": "* is not allowed: name one column",
}
# Functions whose second argument is a regular expression that Spark reads only with the first row.
_REGEX_FUNCTIONS = {
    "regexp_count", "regexp_extract", "regexp_extract_all", "regexp_instr", "regexp_replace", "regexp_substr",
    "split",
}  # fmt: skip
_CONSTANT_ERRORS = ("java.util.regex.", "java.time.", "java.lang.IllegalArgument", "org.apache.spark.Spark")
_JAVA_FUNCTIONS = ("reflect", "try_reflect", "java_method")


def drop_java_functions(jvm: Any) -> None:
    """Removes the functions that call any Java method, as `reflect`, for all sessions that are built after this."""
    registry = getattr(jvm, f"{_CATALYST}.analysis.FunctionRegistry").builtin()
    for function in _JAVA_FUNCTIONS:
        registry.dropFunction(getattr(jvm, f"{_CATALYST}.FunctionIdentifier")(function))


class MissingColumnError(Exception):
    """An expression names a column that the source does not have: `str(error)`."""


def expression(frame: DataFrame, sql: str, present: str) -> tuple[Column, DataType]:
    """An expression over a row's columns, null for a row in which it raises an error, and its type. No row is read.

    Args:
        frame: has the columns that `sql` is written over; one without rows is checked faster.
        present: a column of the frame that is never null.

    Raises:
        OperatorError: `sql` asks for more than the row's own values, or a constant in it, as a pattern, is wrong for
            every row: one line that does not say where `sql` stands.
        MissingColumnError: the frame lacks a column.
        AnalysisException: `sql` is not a valid expression.
    """
    spark = frame.sparkSession
    parser = spark._jsparkSession.sessionState().sqlParser()
    tree = parser.parseExpression(sql)
    for refusal in _refusals(spark, tree, {name.lower() for name in frame.columns}):
        raise OperatorError(refusal)
    try:
        if _kind(tree) in ("UnresolvedAttribute", "Literal"):
            value = F.expr(sql)
            return value, frame.select(value).schema[0].dataType
        # Spark computes what two columns share beforehand, outside TryEval. It leaves the branches of an IF alone. The
        # condition never holds, which the optimizer cannot know.
        absent = parser.parseExpression(f"octet_length(`{present}`) < 0")
        guarded = java_class(spark, f"{_CATALYST}.expressions.If")(absent, parser.parseExpression("null"), tree)
        tried = java_class(spark, f"{_CATALYST}.expressions.TryEval")(guarded)
        value = Column(java_class(spark, "org.apache.spark.sql.classic.ExpressionUtils").column(tried))
        rows = frame.select(value)
    except AnalysisException as error:
        if (error.getCondition() or "").startswith("UNRESOLVED_COLUMN"):
            raise MissingColumnError(
                (error.getMessageParameters() or {}).get("objectName", "").replace("`", "")
            ) from None
        raise
    except Py4JJavaError as error:
        raise OperatorError(f"not a valid SQL expression: {_one_line(root_cause(error))}") from None
    fault = _constant_fault(rows)
    if fault:
        raise OperatorError(f"wrong for every row: {fault}")
    return value, rows.schema[0].dataType


def _constant_fault(rows: DataFrame) -> str | None:
    """Why a constant, as a pattern, is wrong for every row.

    Spark reads many constants when it generates code, where TryEval does not catch the error.
    """
    plan = rows._jdf.queryExecution().optimizedPlan()
    generator = java_class(rows.sparkSession, f"{_CATALYST}.expressions.codegen.GenerateUnsafeProjection")
    try:
        generator.generate(plan.expressions(), plan.child().output())
    except (Py4JJavaError, PySparkException) as error:
        java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
        while java is not None:
            if java.getClass().getName().startswith(_CONSTANT_ERRORS):
                return _one_line(str(java.getMessage()))
            java = java.getCause()
        # Spark itself works around other errors, as a projection too large for Java's compiler.
    return None


def _refusals(spark: SparkSession, tree: Any, columns: set[str], parent: str = "") -> Iterator[str]:
    """What a parsed expression holds but may not, outermost first."""
    kind, children = _kind(tree), tree.children()
    if kind in _SUBQUERIES:
        yield "a subquery is not allowed: an expression sees the columns of its row only"
    elif kind == "Alias" and parent != "CreateNamedStruct":
        name, named = tree.name(), tree.child()
        column = f"{named.name()} {name}" if _kind(named) == "UnresolvedAttribute" else "user name"
        yield f"AS {name} is an alias: leave it out, or write `{column}` in backquotes for a column with a blank"
    elif kind in ("WindowExpression", "AggregateExpression"):
        yield "a window or an aggregate is not allowed: an expression sees one row"
    elif kind in _NO_VALUES:
        yield _NO_VALUES[kind]
    elif kind == "UnresolvedFunction":
        parts = tree.nameParts()
        name = ".".join(str(parts.apply(i)) for i in range(parts.size()))
        yield from _of_function(spark, name, children.size())
        if name.lower() in _REGEX_FUNCTIONS and children.size() > 1 and _kind(children.apply(1)) == "Literal":
            yield from _of_regex(spark, str(children.apply(1).value()))
    elif kind == "UnresolvedAttribute" and str(tree.name()).lower() in _BARE_FUNCTIONS - columns:
        raise MissingColumnError(str(tree.name()))
    elif kind == "LambdaFunction" and parent != "UnresolvedFunction":
        yield "-> belongs between the brackets of a function, as in transform(x, y -> y + 1)"
    for i in range(children.size()):
        yield from _refusals(spark, children.apply(i), columns, kind)


def _of_function(spark: SparkSession, name: str, arguments: int) -> Iterator[str]:
    function = name.lower()
    if function.rsplit(".", 1)[-1] in _JAVA_FUNCTIONS:
        yield f"{name}(...) is not allowed: it runs Java; use the columns of the row only"
        return
    registry = spark._jsparkSession.sessionState().functionRegistry()
    found = registry.lookupFunction(java_class(spark, f"{_CATALYST}.FunctionIdentifier")(function))
    if found.isEmpty():
        yield f"{name}(...) is no function of Spark; correct its name"
        return
    group = str(found.get().getGroup()).removesuffix("_funcs")
    if group in ("agg", "window", "generator") or function in _RESHAPING:
        yield f"{name}(...) is not allowed: it changes the number of rows; an expression gives one value for one row"
    elif function in _UNSTABLE or (function in _UNSTABLE_WITHOUT_ARGUMENTS and not arguments):
        yield f"{name}() is not allowed: it differs from run to run; use the columns of the row only"
    elif group not in _GROUPS and function not in _OF_OTHER_GROUPS:
        yield f"{name}(...) is not allowed: it sees more than the row; use the columns of the row only"


def _of_regex(spark: SparkSession, pattern: str) -> Iterator[str]:
    try:
        java_class(spark, "java.util.regex.Pattern").compile(pattern)
    except PySparkException as error:
        yield f"wrong for every row: {_one_line(str(error))}"


def _one_line(message: str) -> str:
    return " ".join(re.sub(r"^\[[\w.]+\]\s*|\s*SQLSTATE: \w+", "", message).split())[:200]


def _kind(tree: Any) -> str:
    return str(tree.getClass().getSimpleName())
