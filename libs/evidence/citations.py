"""Which facts the rows of a table cite: by `evidence_id` one a row, by `evidence_ids` several."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.tables import Table


def citations(rows: DataFrame, table: Table) -> DataFrame:
    """The table's keys and evidence_id, one row a citation; null where a row cites nothing.

    Args:
        rows: of a table that `cites_evidence`.
    """
    if "evidence_id" in table.column_names:
        return rows.select(*dict.fromkeys([*table.keys, "evidence_id"]))
    return rows.select(*table.keys, F.explode_outer("evidence_ids").alias("evidence_id"))


def with_new_ids(rows: DataFrame, table: Table, ids: DataFrame) -> DataFrame:
    """Rows that cite the facts by their new ids, in the same order; other ids stay.

    Args:
        rows: of a table that `cites_evidence`.
        ids: old, new: evidence ids.
    """
    new_ids = ids.select(F.col("old").alias("evidence_id"), F.col("new").alias("__new"))
    if "evidence_id" in table.column_names:
        cited = rows.join(new_ids, "evidence_id", "left")
        return cited.withColumn("evidence_id", F.coalesce("__new", "evidence_id")).drop("__new")
    keys = list(table.keys)
    placed = rows.select(*keys, F.posexplode("evidence_ids").alias("place", "evidence_id"))
    cited = placed.join(new_ids, "evidence_id", "left")
    ordered = F.array_sort(F.collect_list(F.struct("place", F.coalesce("__new", "evidence_id").alias("evidence_id"))))
    by_row = cited.groupBy(*keys).agg(ordered.alias("__cited"))
    kept = F.coalesce(F.col("__cited")["evidence_id"], F.col("evidence_ids"))
    return rows.join(by_row, keys, "left").withColumn("evidence_ids", kept).drop("__cited")
