"""The suppression list: rows of erased users that are delivered again come in as rows that say nothing."""

from __future__ import annotations

import re

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.ingest.sources import ROW
from libs.privacy.keys import key_id, pseudonym
from libs.privacy.pseudonyms import pseudonym_of
from libs.tables import Kind

# What `excluded` says of such a row, and all that is kept of it beside its day and source.
ERASED = "erased user"
_WORD = re.compile(r"[^\s\"',;:|{}\[\]()<>]+")


def suppressed_keys(listed: DataFrame, key: str) -> DataFrame:
    """user_key of silver.suppressed_users.

    Raises:
        OperatorError: the list was made with another key; without that key nobody could be kept out.
    """
    made = {row["key_id"] for row in listed.select("key_id").distinct().collect()}
    if made - {key_id(key)}:
        raise OperatorError(
            f"silver.suppressed_users was made with the key {', '.join(sorted(made))}, REASONREC_SUPPRESSION_KEY is"
            f" {key_id(key)}: set the key it was made with, or erased users come back"
        )
    return listed.select("user_key").distinct()


def without_suppressed(rows: DataFrame, kind: Kind, keys: DataFrame, key: str) -> DataFrame:
    """Rows of the contract's columns, those of suppressed users emptied, `excluded` by ERASED.

    A row that cannot be read is a suppressed user's when one of its words is the id.
    """
    everyone = keys.agg(F.collect_set("user_key").alias("__everyone"))
    rows = rows.crossJoin(F.broadcast(everyone))
    hit = F.when(F.col("broken").isNotNull(), F.arrays_overlap(_words(F.col("broken"), key), "__everyone"))
    hits = [hit]
    for column in kind.users:
        found = F.broadcast(keys.select(F.col("user_key").alias(f"__{column}")))
        rows = rows.withColumn("__key", pseudonym_of(F.col(column), key))
        rows = rows.join(found, F.col("__key") == F.col(f"__{column}"), "left").drop("__key")
        hits.append(F.col(f"__{column}").isNotNull())
    gone = F.coalesce(hits[0], F.lit(False))
    for other in hits[1:]:
        gone = gone | other
    rows = rows.withColumn("__gone", gone)
    emptied = {c: F.when(~F.col("__gone"), F.col(c)) for c in (*kind.types, "broken")}
    said = {ROW: F.when(F.col("__gone"), F.lit(ERASED)).otherwise(F.col(ROW))}
    said["excluded"] = F.when(F.col("__gone"), F.lit(ERASED)).otherwise(F.col("excluded"))
    return rows.withColumns(emptied | said).drop("__gone", "__everyone", *[f"__{c}" for c in kind.users])


def _words(text: Column, key: str) -> Column:
    """The words of a text as the suppression list would hold them."""

    @F.pandas_udf("array<string>")  # type: ignore[untyped-decorator, unused-ignore]
    def hashed(texts: pd.Series) -> pd.Series:
        return texts.map(lambda text: [pseudonym(word, key) for word in _WORD.findall(text)], na_action="ignore")

    return hashed(text)
