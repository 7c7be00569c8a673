"""Evidence ids, on the workers."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.explain.evidence_types import evidence_id


def with_id(found: DataFrame, shop: str) -> DataFrame:
    """Adds evidence_id: the same type, subject, source row and slots give the same id in every run."""

    @F.pandas_udf("string")  # type: ignore[untyped-decorator, unused-ignore]
    def hashed(type: pd.Series, subject: pd.Series, slots: pd.Series) -> pd.Series:
        known: dict[tuple[object, ...], str] = {}
        ids = []
        for key in zip(type, subject, [tuple(sorted(dict(s).items())) for s in slots], strict=True):
            if key not in known:
                known[key] = evidence_id(shop, key[0], key[1], dict(key[2]))
            ids.append(known[key])
        return pd.Series(ids)

    subject = F.concat_ws("|", "about_user", "about_product", _text("source_keys"))
    return found.withColumn("evidence_id", hashed(F.col("type"), subject, F.col("slots")))


def _text(keys: str) -> Column:
    return F.to_json(F.array_sort(F.map_entries(keys)))
