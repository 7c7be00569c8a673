"""Pseudonyms of user ids, on the workers."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.privacy.keys import pseudonym


def pseudonym_of(column: Column, key: str) -> Column:
    """HMAC-SHA256 of an id, 32 hex digits, spaces around the id aside; null stays null.

    A Python function on purpose: as Spark's own sha2 over literals the key would stand in query plans and event logs.
    """

    @F.pandas_udf("string")  # type: ignore[untyped-decorator, unused-ignore]
    def hashed(ids: pd.Series) -> pd.Series:
        # An id comes on many rows: hash each once a batch.
        distinct = {user: pseudonym(user, key) for user in ids.dropna().unique()}
        return ids.map(distinct)

    return hashed(F.trim(column))


def with_pseudonym(frame: DataFrame, id_column: str, to: str, key: str) -> DataFrame:
    """Adds column `to`, the pseudonym of `id_column`."""
    return frame.withColumn(to, pseudonym_of(F.col(id_column), key))
