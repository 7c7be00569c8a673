"""Sentences of recommended rows, written on the workers from the facts that hold for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.errors import OperatorError
from libs.explain.contributions import faithfulness
from libs.explain.evidence_types import Fact
from libs.explain.grounding import check
from libs.explain.templates import read_templates
from libs.explain.terms import Terms, in_language
from libs.explain.writer import NothingToSay, Recommendation, TemplateWriter
from libs.languages.aspects import load_aspects
from libs.tables import LIST_ROW

_FACT = "evidence_id:string,type:string,slots:map<string,string>,support:bigint,contribution:double,role:string"
WRITTEN = """release_id string, surface string, context string, user_id string, product_id string, language string,
sentence string, evidence_ids array<string>, generator string, grounded boolean, grounding string, contribution double,
faithfulness double"""


@dataclass(frozen=True)
class Limits:
    """facts: most facts a sentence cites."""

    facts: int = 3


@dataclass(frozen=True)
class Job:
    """What a worker needs to write; small, and read on the driver: workers see no conf folder."""

    texts: Mapping[str, str]
    terms: Mapping[str, Terms]
    limits: Limits
    min_people: int


def written(rows: DataFrame, root: Path, languages: Iterable[str], limits: Limits, min_people: int) -> DataFrame:
    """Columns WRITTEN: a sentence a language of each of the rows of `with_facts`.

    Args:
        root: the conf folder.
        min_people: fewest other people that a cited fact may speak of.

    Raises:
        OperatorError: a language has no templates or no aspects.
    """
    named = list(languages)
    job = Job(texts(root, named), {name: terms(root, name) for name in named}, limits, min_people)
    return rows.mapInPandas(partial(write, job), WRITTEN)


def with_facts(lists: DataFrame, titles: DataFrame, evidence: DataFrame, links: DataFrame) -> DataFrame:
    """release_id, surface, context, user_id, product_id, title, score, facts: one row a recommended product.

    Args:
        lists: the rows of a list. titles: features.product_profile of their days.
        evidence, links: results.evidence and results.recommendation_evidence of their releases.
    """
    of_row = ["release_id", *LIST_ROW]
    fact = F.struct("evidence_id", "type", "slots", "support", "contribution", "role")
    stored = evidence.select("release_id", "evidence_id", "type", "slots", "support")
    cited = links.select(*of_row, "evidence_id", "contribution", "role").join(stored, ["release_id", "evidence_id"])
    facts = cited.groupBy(*of_row).agg(F.collect_list(fact).alias("facts"))
    # A product that the shop gives no title goes by its id in tables; in a sentence it has no name.
    title = F.when(F.col("title") != F.col("product_id"), F.col("title")).otherwise("").alias("title")
    named = titles.select(F.col("cutoff").alias("as_of"), "product_id", title)
    rows = lists.join(F.broadcast(named), ["as_of", "product_id"], "inner").join(facts, of_row, "left")
    none = F.array().cast(f"array<struct<{_FACT}>>")
    return rows.select(*of_row, "title", "score", F.coalesce("facts", none).alias("facts"))


def texts(root: Path, languages: Iterable[str]) -> dict[str, str]:
    """Templates of the languages.

    Raises:
        OperatorError: a language has none.
    """
    found = read_templates(root / "languages")
    for language in languages:
        if language not in found:
            raise OperatorError(f"{root / 'languages' / language / 'templates.yaml'}: there is no such file")
    return {language: found[language] for language in languages}


def terms(root: Path, language: str) -> Terms:
    """The language's words for aspects and segments; English reads segments' names as they are."""
    folder = root / "languages" / language
    file = folder / "terms.yaml"
    words = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    return Terms(language, load_aspects(folder / "aspects.yaml").labels, words)


def write(job: Job, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Sentences of each row in each language, batch by batch; templates are compiled once a worker."""
    writer = TemplateWriter(job.texts, min_people=job.min_people, max_facts=job.limits.facts)
    for batch in batches:
        rows = []
        for *place, user, product, title, score, listed in batch.itertuples(index=False):
            facts = [_fact(row) for row in listed]
            for language, words in job.terms.items():
                translated = [fact for fact in (in_language(fact, words) for fact in facts) if fact]
                rec = Recommendation(user, product, title, translated)
                rows.append((*place, user, product, language, *sentence(writer, rec, language, score)))
        yield pd.DataFrame(rows, columns=[column.split()[0] for column in WRITTEN.split(",")])


def _fact(row: Mapping[str, Any]) -> Fact:
    return Fact(row["evidence_id"], row["type"], dict(row["slots"]), row["support"], row["contribution"], row["role"])


def sentence(writer: TemplateWriter, rec: Recommendation, language: str, score: float) -> tuple[object, ...]:
    """sentence, evidence_ids, generator, grounded, grounding, contribution, faithfulness.

    A sentence that fails the check is replaced: by other wordings, then by one that cites the strongest fact alone.
    """
    try:
        draft = writer.write(rec, language)
    except NothingToSay as error:
        return "", [], "none", False, str(error), 0.0, 0.0
    verdict = check(draft.sentence, language, rec.title, draft.facts, writer.min_people)
    alone = rec._replace(facts=draft.facts[:1])
    for plainer, choice in [(rec, 0), (rec, 1), (alone, 0), (alone, 1)]:
        if verdict.grounded:
            break
        draft = writer.compose(plainer, language, choice)
        verdict = check(draft.sentence, language, rec.title, draft.facts, writer.min_people)
    moved = sum(fact.contribution for fact in draft.facts if fact.role == "reason")
    refusal = None if verdict.grounded else "; ".join(verdict.reasons)
    part = min(moved, score), faithfulness(draft.facts, score)
    return draft.sentence, list(draft.evidence_ids), draft.generator, verdict.grounded, refusal, *part
