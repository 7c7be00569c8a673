"""Reads what each review mentions, once.

One row of features.review_aspects is one review that mentions an aspect of conf/languages/<l>/aspects.yaml. After a
change of those files, run this job again over all days: `reasonrec run products.review_aspects --start FIRST --end D`.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from libs.features.aspects import with_mentions
from libs.job import JobContext
from libs.languages.aspects import load_aspects
from libs.tables import table


def run(ctx: JobContext) -> None:
    files = (ctx.run.conf.root / "languages").glob("*/aspects.yaml")
    lexicons = {path.parent.name: load_aspects(path) for path in files}
    read = with_mentions(ctx.read_window("silver.reviews"), lexicons, ctx.shop.text_language)
    found = read.where(F.size("aspects") > 0).select(*table("features.review_aspects").column_names)
    ctx.write("features.review_aspects", found)
