"""One row: why a product is recommended to a user, in one language, in one or two sentences checked against the facts
they cite. A sentence that fails the check is replaced by the template's, and never published ungrounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.explain.contributions import faithfulness
from libs.explain.evidence_types import Fact, K
from libs.explain.grounding import check
from libs.explain.templates import read_templates
from libs.explain.terms import Terms, in_language
from libs.explain.writer import NothingToSay, Recommendation, TemplateWriter
from libs.job import JobContext, constants
from libs.text.aspects import load_lexicon

SCHEMA_VERSION = 1
_FACT = "evidence_id:string,type:string,slots:map<string,string>,support:bigint,contribution:double,role:string"
_WRITTEN = """user_id string, product_id string, language string, sentence string, evidence_ids array<string>,
generator string, grounded boolean, grounding string, contribution double, faithfulness double"""


@dataclass(frozen=True)
class Params:
    """people: fewest other people a sentence may speak of. facts: most facts a sentence cites."""

    people: int = K
    facts: int = 3


@dataclass(frozen=True)
class Job:
    """What a worker needs to write; small, and read on the driver: workers see no conf folder."""

    texts: Mapping[str, str]
    terms: Mapping[str, Terms]
    params: Params


def run(ctx: JobContext) -> None:
    rows = with_facts(ctx)
    job = Job(texts(ctx), {name: terms(ctx.run.conf.root, name) for name in ctx.shop.languages}, ctx.params(Params))
    written = rows.mapInPandas(partial(write, job), _WRITTEN)
    same = constants(
        ctx, release_id=ctx.run.release_id, surface="home", context="default", schema_version=SCHEMA_VERSION
    )
    ctx.write("results.explanations", written.withColumns(same))


def with_facts(ctx: JobContext) -> DataFrame:
    """user_id, product_id, title, score, facts: one row a recommended product."""
    of_release = F.col("release_id") == ctx.run.release_id
    lists = ctx.read("results.recommendations").where(of_release).select("user_id", "product_id", "score")
    titles = ctx.read_cutoffs("features.product_profile", (ctx.as_of,)).select("product_id", "title")
    evidence = ctx.read("results.evidence").where(of_release).select("evidence_id", "type", "slots", "support")
    links = ctx.read("results.recommendation_evidence").where(of_release)
    fact = F.struct("evidence_id", "type", "slots", "support", "contribution", "role")
    facts = (
        links.join(evidence, "evidence_id").groupBy("user_id", "product_id").agg(F.collect_list(fact).alias("facts"))
    )
    rows = lists.join(F.broadcast(titles), "product_id", "inner").join(facts, ["user_id", "product_id"], "left")
    return rows.select(
        "user_id",
        "product_id",
        "title",
        "score",
        F.coalesce("facts", F.array().cast(f"array<struct<{_FACT}>>")).alias("facts"),
    )


def texts(ctx: JobContext) -> dict[str, str]:
    """Templates of the shop's languages.

    Raises:
        KeyError: a language has none.
    """
    found = read_templates(ctx.run.conf.root / "templates")
    return {language: found[language] for language in ctx.shop.languages}


def terms(root: Path, language: str) -> Terms:
    """The language's words for aspects and segments; English reads segments' names as they are."""
    words = root / "terms" / f"{language}.yaml"
    own = yaml.safe_load(words.read_text(encoding="utf-8")) if words.exists() else None
    return Terms(load_lexicon(language, root / "aspects" / f"{language}.yaml").labels, own)


def write(job: Job, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Sentences of each row in each language, batch by batch; templates are compiled once a worker."""
    writer = TemplateWriter(job.texts, k=job.params.people, max_facts=job.params.facts)
    for batch in batches:
        rows = []
        for user, product, title, score, found in batch.itertuples(index=False):
            facts = [_fact(row) for row in found]
            for language, own in job.terms.items():
                told = [fact for fact in (in_language(fact, own) for fact in facts) if fact]
                rec = Recommendation(user, product, title, told)
                rows.append((user, product, language, *sentence(writer, rec, language, score)))
        yield pd.DataFrame(rows, columns=[column.split()[0] for column in _WRITTEN.split(",")])


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
    verdict = check(draft.sentence, language, rec.title, draft.facts, writer.k)
    alone = rec._replace(facts=draft.facts[:1])
    for plainer, choice in [(rec, 0), (rec, 1), (alone, 0), (alone, 1)]:
        if verdict.grounded:
            break
        draft = writer.compose(plainer, language, choice)
        verdict = check(draft.sentence, language, rec.title, draft.facts, writer.k)
    moved = sum(fact.contribution for fact in draft.facts if fact.role == "reason")
    told = None if verdict.grounded else "; ".join(verdict.reasons)
    share = faithfulness(draft.facts, score)
    return draft.sentence, list(draft.evidence_ids), draft.generator, verdict.grounded, told, min(moved, score), share
