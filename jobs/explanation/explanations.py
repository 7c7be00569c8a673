"""One row: why a product is recommended to a user, in one language, in one or two sentences checked against the facts
they cite. A sentence that fails the check is replaced by the template's, and never published ungrounded.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.evidence.sentences import Limits, with_facts, written
from libs.job import JobContext, constants
from libs.tables import table

Params = Limits


def run(ctx: JobContext) -> None:
    rows = with_facts(
        of_release(ctx, "results.recommendations"),
        ctx.read_cutoffs("features.product_profile", (ctx.as_of,)),
        of_release(ctx, "results.evidence"),
        of_release(ctx, "results.recommendation_evidence"),
    )
    told = written(rows, ctx.run.conf.root, ctx.shop.languages, ctx.params(Params), ctx.shop.privacy.min_people)
    same = constants(ctx, schema_version=table("results.explanations").schema_version)
    ctx.write("results.explanations", told.withColumns(same))


def of_release(ctx: JobContext, name: str) -> DataFrame:
    return ctx.read(name).where(F.col("release_id") == ctx.run.release_id)
