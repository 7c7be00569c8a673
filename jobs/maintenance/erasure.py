"""Where erased users stand: their rows, the facts that rest on them, the deliveries that still hold them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path

import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.conf import Conf
from libs.errors import OperatorError
from libs.explain.evidence_types import EVIDENCE_TYPES
from libs.ingest.groups import BROKEN
from libs.ingest.lines import FILE
from libs.ingest.mapping import mapped
from libs.ingest.sources import read_deliveries
from libs.spark.delta import TIMELESS
from libs.spark.errors import file_uri
from libs.tables import CONTRACT, LIST_ROW, Kind, Table
from libs.text.clean import clean_id

# Columns that hold a pseudonym after bronze.
PSEUDONYMS = ("user_id", "friend_id")


@dataclass(frozen=True)
class Traces:
    """What leads to everything that came from the users: distinct values, kept at hand for many joins.

    Attributes:
        user_id: their pseudonyms. row_id, order_id, product_id: of rows of theirs, bronze's own values.
        first_day: the first business day on which something of theirs became known; None when there is none.
    """

    user_id: DataFrame
    row_id: DataFrame
    order_id: DataFrame
    product_id: DataFrame
    first_day: date | None


def traces_of(users: DataFrame, found: list[DataFrame]) -> Traces:
    """Traces of users (user_id) whose rows are `found` (as_traces)."""
    rows = reduce(DataFrame.union, found).distinct().persist()
    row_id, order_id, product_id = (
        rows.where(F.col(name).isNotNull()).select(name).distinct().persist()
        for name in ("row_id", "order_id", "product_id")
    )
    day = rows.where(F.col("day") != TIMELESS).agg(F.min("day").alias("day")).first()
    return Traces(users, row_id, order_id, product_id, day["day"] if day else None)


def users_found(users: DataFrame, silver: Iterable[DataFrame]) -> set[str]:
    """Which of the users (user_id) some row names; a mistyped id is erased nowhere, and its user believes it was."""
    columns = [rows.select(F.col(one).alias("user_id")) for rows in silver for one in PSEUDONYMS if one in rows.columns]
    named = reduce(DataFrame.union, columns, users.limit(0)).join(F.broadcast(users), "user_id", "left_semi")
    return {row["user_id"] for row in named.distinct().collect()}


def read_ids(file: str) -> dict[str, int]:
    """The ids, cleaned as those of a delivery are, and the line of each; OperatorError that says how to give them."""
    how = "write the shop's own ids, one a line, and give --set maintenance.erase_user.file=PATH"
    path = Path(file)
    if not file or not path.is_file():
        raise OperatorError(f"maintenance.erase_user: no file {file!r}; {how}")
    if path.stat().st_mode & 0o077:
        raise OperatorError(f"maintenance.erase_user: {file} may be read by others; `chmod 600 {file}`")
    try:
        text = path.read_text(encoding="utf-8-sig")  # what a spreadsheet writes begins with a mark
    except UnicodeDecodeError:
        raise OperatorError(f"maintenance.erase_user: {file} is not UTF-8; {how}") from None
    lines = [clean_id(line) for line in text.split("\n")]
    ids = {one: number for number, one in reversed(list(enumerate(lines, 1))) if one}
    if not ids:
        raise OperatorError(f"maintenance.erase_user: {file} holds no id; {how}")
    return ids


def is_one_of(column: Column, ids: Iterable[str]) -> Column:
    """Whether a shop's id is one of `ids` once it is cleaned. A Python function: no id in plans and event logs."""
    known = frozenset(ids)

    @F.pandas_udf("boolean")  # type: ignore[untyped-decorator, unused-ignore]
    def found(values: pd.Series) -> pd.Series:
        return values.map(clean_id, na_action="ignore").isin(known)

    return found(column)


def mentions(text: Column, ids: Iterable[str]) -> Column:
    """Whether a row as delivered (a CSV or JSON line) holds one of the ids as a whole word."""
    forms = sorted({form for one in ids for form in (one, json.dumps(one)[1:-1], _in_csv(one))}, key=len, reverse=True)
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, forms))})(?![^\W_])")

    @F.pandas_udf("boolean")  # type: ignore[untyped-decorator, unused-ignore]
    def found(texts: pd.Series) -> pd.Series:
        return texts.map(lambda text: bool(text is not None and pattern.search(clean_id(text))))

    return found(text)


def _in_csv(value: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([value])
    return out.getvalue().strip('"')


def rows_of(bronze: DataFrame, kind: Kind, ids: Iterable[str]) -> DataFrame:
    """Bronze rows of a kind that are the users': by an id column, or unread with the id in them."""
    return as_traces(bronze.where(_holds(kind, "broken", ids)))


def as_traces(rows: DataFrame) -> DataFrame:
    """row_id, order_id, product_id, day; null where the rows have no such column."""
    text = [
        c if c in rows.columns else F.lit(None).cast("string").alias(c) for c in ("row_id", "order_id", "product_id")
    ]
    return rows.select(*text, "day")


def rows_to_delete(table: Table, traces: Traces) -> list[tuple[DataFrame, str]]:
    """(values, column): the rows of a table that have one of the values in the column go."""
    columns, found = set(table.column_names), []
    if table.layer != "bronze":
        found += [(traces.user_id.toDF(column), column) for column in PSEUDONYMS if column in columns]
    if "row_id" in columns:
        found.append((traces.row_id, "row_id"))
    if "order_id" in columns and not columns & set(PSEUDONYMS):
        found.append((traces.order_id, "order_id"))
    return found


def finds_others(table: Table) -> bool:
    """Whether rows of other tables are found by the users' rows in this one: bronze, where it names users."""
    return table.layer == "bronze" and bool(set(PSEUDONYMS) & set(table.column_names))


def facts_to_withdraw(evidence: DataFrame, traces: Traces, min_people: int) -> DataFrame:
    """release_id, evidence_id of facts that cite the users' rows, or that too few other people are left behind.

    A fact about the people of a product that the users took may have counted them: it goes, whether it did or not.
    """
    reviews = evidence.withColumn("row_id", F.explode("review_ids"))
    citing = reviews.join(F.broadcast(traces.row_id), "row_id", "left_semi")
    of_others = [type for type, spec in EVIDENCE_TYPES.items() if spec.people]
    few = F.col("type").isin(of_others) & (F.col("support") - traces.user_id.count() < min_people)
    # A fact about the reader's friends or segment names its product among its keys alone.
    of_product = F.coalesce("product_id", F.col("source_keys")["product_id"])
    thin = evidence.where(few).withColumn("product_id", of_product)
    thin = thin.join(F.broadcast(traces.product_id), "product_id", "left_semi")
    own = evidence.join(F.broadcast(traces.user_id), "user_id", "left_semi")
    return reduce(DataFrame.union, [f.select("release_id", "evidence_id") for f in (citing, thin, own)]).distinct()


def citing(sentences: DataFrame, gone: DataFrame, traces: Traces) -> DataFrame:
    """release_id and LIST_ROW of other users' rows whose sentence cites a fact that is gone."""
    cited = sentences.withColumn("evidence_id", F.explode("evidence_ids"))
    cited = cited.join(F.broadcast(gone), ["release_id", "evidence_id"], "left_semi")
    others = cited.join(F.broadcast(traces.user_id), "user_id", "left_anti")
    return others.select("release_id", *LIST_ROW).distinct()


def without_reviews(profiles: DataFrame, traces: Traces) -> DataFrame:
    """Profiles of products whose aspects name a review of the users, without those reviews' ids."""
    ids = profiles.select("shop", "cutoff", "product_id", F.explode(F.flatten("aspects.review_ids")).alias("row_id"))
    named = ids.join(F.broadcast(traces.row_id), "row_id", "left_semi")
    gone = named.groupBy("shop", "cutoff", "product_id").agg(F.collect_set("row_id").alias("gone"))
    kept = F.transform(
        "aspects", lambda a: a.withField("review_ids", F.array_except(a["review_ids"], F.coalesce("gone", F.array())))
    )
    return profiles.join(F.broadcast(gone), ["shop", "cutoff", "product_id"]).withColumn("aspects", kept).drop("gone")


def deliveries_holding(spark: SparkSession, conf: Conf, ids: Iterable[str]) -> list[str]:
    """The shop's source files, of whatever day, in which one of the ids stands where the mapping looks for users."""
    assert conf.shop is not None
    shop, root = conf.shop, conf.root.resolve()
    found: list[str] = []
    for name, source in shop.sources.items():
        where = f"{root.name}/shops/{shop.name}.yaml: sources.{name}"
        kind = CONTRACT[source.kind]
        for group in read_deliveries(spark, root.parent, where, source):
            rows = mapped(group, source, kind, where, shop.timezone)
            held = rows.where(_holds(kind, BROKEN, ids)).select(FILE).distinct()
            found += sorted(file_uri(row[FILE]) for row in held.collect())
    return found


def _holds(kind: Kind, broken: str, ids: Iterable[str]) -> Column:
    named = [is_one_of(F.col(column), ids) for column in kind.users]
    return reduce(Column.__or__, [*named, mentions(F.col(broken), ids)])
