"""Whether the rows of a release belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.evidence.citations import citations
from libs.tables import LIST_ROW, citing_tables, list_tables, released_tables

_ROW = list(LIST_ROW)


def faults(tables: Mapping[str, DataFrame], languages: Sequence[str]) -> dict[str, int]:
    """Rows that break a rule, by the rule; all are counted in one job.

    Args:
        tables: one release's rows of each table that it shows.
    """
    sentences, links = tables["results.explanations"], tables["results.recommendation_evidence"]
    languages_wanted = F.explode(F.array(*[F.lit(language) for language in languages])).alias("language")
    wanted = tables["results.recommendations"].select(*_ROW, languages_wanted)
    breaking = {
        "each recommended row has a sentence in each language": wanted.join(
            sentences, [*_ROW, "language"], "left_anti"
        ),
        **without_list(tables),
        "each sentence is grounded": sentences.where(~F.col("grounded")),
        **without_facts(tables),
        # NaN is greater than any number, to Spark.
        "each fact moves the score by something from 0 to 1": links.where(~F.col("contribution").between(0, 1 + 1e-9)),
    }
    counted = [
        frame.agg(F.count("*").alias("rows")).select(F.lit(rule).alias("rule"), "rows")
        for rule, frame in breaking.items()
    ]
    return {row["rule"]: row["rows"] for row in reduce(DataFrame.unionByName, counted).collect()}


def without_list(tables: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Rows of what says something of a listed product, where no list has it."""
    listed = reduce(DataFrame.union, [tables[table.name].select(*_ROW) for table in list_tables()])
    about_lists = [t for t in released_tables() if t not in list_tables() and set(_ROW) <= set(t.keys)]
    return {
        f"each {t.noun} belongs to a recommended row": tables[t.name].join(listed, _ROW, "left_anti")
        for t in about_lists
    }


def without_facts(tables: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """Rows that cite no fact, or one that is not stored."""
    facts = tables["results.evidence"].select("evidence_id", F.lit(True).alias("stored"))
    found = {}
    for table in citing_tables():
        is_fact = "evidence_id" in table.column_names
        rule = (
            f"each {table.noun} is stored" if is_fact else f"each {table.noun} cites facts, and all of them are stored"
        )
        cited = citations(tables[table.name], table).join(facts, "evidence_id", "left")
        found[rule] = cited.where(F.col("stored").isNull())
    return found
