"""The suppression list: when rows of erased users are delivered again, they are emptied before they are stored."""

from __future__ import annotations

import re

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.ingest.lines import ROW
from libs.privacy.keys import key_id, pseudonym
from libs.privacy.pseudonyms import pseudonym_of
from libs.tables import Kind
from libs.text.clean import clean_id

# The reason in `excluded`; apart from it only the day and source of such a row are kept.
ERASED = "erased user"
_WORD = re.compile(r"[^\s\"',;:|{}\[\]()<>]+")


def suppressed_keys(listed: DataFrame, key: str) -> DataFrame:
    """user_key of silver.suppressed_users.

    Raises:
        OperatorError: the list was made with another key, so its users cannot be recognised.
    """
    key_ids = {row["key_id"] for row in listed.select("key_id").distinct().collect()}
    if key_ids - {key_id(key)}:
        raise OperatorError(
            f"silver.suppressed_users was made with the key {', '.join(sorted(key_ids))}, REASONREC_SUPPRESSION_KEY is"
            f" {key_id(key)}: set the key it was made with, or erased users come back"
        )
    return listed.select("user_key").distinct()


def without_suppressed(rows: DataFrame, kind: Kind, keys: DataFrame, key: str) -> DataFrame:
    """Empties the contract's columns in rows of suppressed users and sets `excluded` to ERASED.

    An unreadable row belongs to a suppressed user if one of its words is the user's id.
    """
    all_keys = keys.agg(F.collect_set("user_key").alias("__all_keys"))
    rows = rows.crossJoin(F.broadcast(all_keys))
    match = F.when(F.col("broken").isNotNull(), F.arrays_overlap(_words(F.col("broken"), key), "__all_keys"))
    matches = [match]
    for column in kind.users:
        suppressed = F.broadcast(keys.select(F.col("user_key").alias(f"__{column}")))
        rows = rows.withColumn("__key", pseudonym_of(F.col(column), key))
        rows = rows.join(suppressed, F.col("__key") == F.col(f"__{column}"), "left").drop("__key")
        matches.append(F.col(f"__{column}").isNotNull())
    erased = F.coalesce(matches[0], F.lit(False))
    for match in matches[1:]:
        erased = erased | match
    rows = rows.withColumn("__erased", erased)
    emptied = {c: F.when(~F.col("__erased"), F.col(c)) for c in (*kind.types, "broken")}
    marked = {ROW: F.when(F.col("__erased"), F.lit(ERASED)).otherwise(F.col(ROW))}
    marked["excluded"] = F.when(F.col("__erased"), F.lit(ERASED)).otherwise(F.col("excluded"))
    return rows.withColumns(emptied | marked).drop("__erased", "__all_keys", *[f"__{c}" for c in kind.users])


def _words(text: Column, key: str) -> Column:
    """The words of a text, hashed as the user keys of the suppression list are."""

    @F.pandas_udf("array<string>")  # type: ignore[untyped-decorator, unused-ignore]
    def hashed(texts: pd.Series) -> pd.Series:
        return texts.map(
            lambda text: [pseudonym(word, key) for word in _WORD.findall(clean_id(text))], na_action="ignore"
        )

    return hashed(text)
