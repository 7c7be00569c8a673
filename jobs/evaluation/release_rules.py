"""Whether the rows of a release belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_ROW = ["surface", "context", "user_id", "product_id"]


def faults(tables: Mapping[str, DataFrame], languages: Sequence[str]) -> dict[str, int]:
    """Rows that break a rule, by the rule; all are counted in one job.

    Args:
        tables: one release's rows of results.recommendations, explanations, evidence and recommendation_evidence.
    """
    rows = tables["results.recommendations"].select(*_ROW)
    sentences, links = tables["results.explanations"], tables["results.recommendation_evidence"]
    facts = tables["results.evidence"].select("evidence_id", F.lit(True).alias("stored"))
    wanted = rows.withColumn("language", F.explode(F.array(*[F.lit(one) for one in languages])))
    # A sentence that cites nothing keeps its row, with no fact to be found.
    cited = sentences.select(*_ROW, "language", F.explode_outer("evidence_ids").alias("evidence_id"))
    stored = cited.join(facts, "evidence_id", "left").where(F.col("stored").isNull())
    breaking = {
        "each recommended row has a sentence in each language": wanted.join(
            sentences, [*_ROW, "language"], "left_anti"
        ),
        "each sentence belongs to a recommended row": sentences.join(rows, _ROW, "left_anti"),
        "each sentence is grounded": sentences.where(~F.col("grounded")),
        "each sentence cites facts, and all of them are stored": stored,
        "each fact belongs to a recommended row": links.join(rows, _ROW, "left_anti"),
        "each fact is stored": links.join(facts, "evidence_id", "left_anti"),
        # NaN is greater than any number, to Spark.
        "each fact moves the score by something from 0 to 1": links.where(~F.col("contribution").between(0, 1 + 1e-9)),
    }
    counted = [
        frame.agg(F.count("*").alias("rows")).select(F.lit(rule).alias("rule"), "rows")
        for rule, frame in breaking.items()
    ]
    return {row["rule"]: row["rows"] for row in reduce(DataFrame.unionByName, counted).collect()}
