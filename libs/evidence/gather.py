"""All facts that hold for recommended rows: the declared types' functions, run and joined."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from libs.evidence import facts
from libs.evidence.facts import Facts, Inputs
from libs.explain.evidence_types import EVIDENCE_TYPES

# Every table that some type is gathered from.
TABLES = tuple(dict.fromkeys(name for spec in EVIDENCE_TYPES.values() for name in spec.tables))


def gathered(inputs: Inputs) -> DataFrame:
    """Facts of every declared type (columns: see libs.evidence.facts, without owned) that may be said.

    Raises:
        AttributeError: a declared function is not in libs.evidence.facts.
        ValueError: a function leaves out a type that names it.
    """
    functions = dict.fromkeys(spec.gathered_by for spec in EVIDENCE_TYPES.values())
    by_type = [of_type for name in functions for of_type in getattr(facts, name)(inputs)]
    refuse_missing(by_type)
    return (
        reduce(DataFrame.unionByName, [of_type.rows for of_type in by_type])
        .where(_may_be_said(inputs.shop.privacy.min_people))
        .drop("owned")
    )


def refuse_missing(by_type: list[Facts]) -> None:
    """Raises ValueError that names the declared types which their functions did not gather."""
    missing = EVIDENCE_TYPES.keys() - {of_type.type for of_type in by_type}
    if missing:
        parts = [f"{type} by libs.evidence.facts.{EVIDENCE_TYPES[type].gathered_by}" for type in sorted(missing)]
        raise ValueError(f"evidence types not gathered: {', '.join(parts)}")


def _may_be_said(min_people: int) -> Column:
    """A fact of others needs enough of them, the reader aside, who is among them where he has the product."""
    of_others = [type for type, spec in EVIDENCE_TYPES.items() if spec.people]
    with_reader = [type for type, spec in EVIDENCE_TYPES.items() if spec.people and spec.counts_reader]
    others = F.col("support") - (F.col("owned") & F.col("type").isin(with_reader)).cast("int")
    return ~F.col("type").isin(of_others) | (others >= min_people)
