"""Reads what each review mentions, once.

One row of features.review_aspects is one review that mentions an aspect of conf/aspects. After a change of the lexicons
this job is run again over all days: `reasonrec run products.review_aspects --start FIRST --end D`.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from libs.features.aspects import with_mentions
from libs.job import JobContext
from libs.tables import table
from libs.text.aspects import load_lexicon


def run(ctx: JobContext) -> None:
    lexicons = {path.stem: load_lexicon(path.stem, path) for path in (ctx.run.conf.root / "aspects").glob("*.yaml")}
    read = with_mentions(ctx.read_window("silver.reviews"), lexicons, ctx.shop.text_language)
    found = read.where(F.size("aspects") > 0).select(*table("features.review_aspects").column_names)
    ctx.write("features.review_aspects", found)
