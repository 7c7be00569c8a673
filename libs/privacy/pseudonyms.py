"""Pseudonyms of user ids, computed on the workers."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.privacy.keys import pseudonym


def pseudonym_of(column: Column, key: str) -> Column:
    """The pseudonym of an id (32 hex digits), with spaces around the id removed; null stays null.

    A Python function on purpose: with Spark's own sha2 over literals, the key would appear in query plans and event
    logs.
    """

    @F.pandas_udf("string")  # type: ignore[untyped-decorator, unused-ignore]
    def hashed(ids: pd.Series) -> pd.Series:
        # An id is on many rows: hash each once per batch.
        distinct = {user: pseudonym(user, key) for user in ids.dropna().unique()}
        return ids.map(distinct)

    return hashed(F.trim(column))


def with_pseudonym(frame: DataFrame, id_column: str, to: str, key: str) -> DataFrame:
    """Adds column `to`, the pseudonym of `id_column`."""
    return frame.withColumn(to, pseudonym_of(F.col(id_column), key))
