"""What a product's reviews praise, as of several cut-offs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.as_of import as_of
from libs.languages.aspects import AspectLexicon, mentions


def with_mentions(reviews: DataFrame, lexicons: Mapping[str, AspectLexicon], language: str) -> DataFrame:
    """Adds `aspects`: array<string>, sorted, that a review's title and body mention.

    A review in a language that has no lexicon mentions none; one whose language is not known is read in `language`.
    """
    known = dict(lexicons)

    @F.udf(returnType="array<string>", useArrow=True)  # type: ignore[untyped-decorator]
    def found(title: str | None, body: str | None, own: str | None) -> list[str]:
        lexicon = known.get(own or language)
        return sorted(mentions(f"{title or ''} {body or ''}", lexicon)) if lexicon else []

    return reviews.withColumn("aspects", found("title", "body", "language"))


def aspects_of_products(read: DataFrame, cutoffs: Iterable[date], likes_from: float, quoted: int) -> DataFrame:
    """One row per cut-off and product that a known review mentions an aspect of.

    Args:
        read: rows of features.review_aspects.
        likes_from: stars from which a review praises what it mentions.

    Returns:
        cutoff, product_id, aspects: array of struct(aspect, praising, mentioning, review_ids), sorted by aspect;
        `review_ids` are the `quoted` first praising reviews in the order of a hash.
    """
    each = read.select("day", "event_day", "product_id", "row_id", "rating", F.explode("aspects").alias("aspect"))
    praising = F.coalesce(F.col("rating") >= likes_from, F.lit(False))
    place = Window.partitionBy("cutoff", "product_id", "aspect", "praising").orderBy(F.xxhash64("row_id"), "row_id")
    quoted_id = F.when(F.col("praising") & (F.col("place") <= quoted), F.struct("place", "row_id"))
    return (
        as_of(each.withColumn("praising", praising).repartition("product_id"), cutoffs)
        .withColumn("place", F.row_number().over(place))
        .groupBy("cutoff", "product_id", "aspect")
        .agg(
            F.count_if("praising").alias("praising"),
            F.count("*").alias("mentioning"),
            F.sort_array(F.collect_list(quoted_id))["row_id"].alias("review_ids"),
        )
        .groupBy("cutoff", "product_id")
        .agg(F.sort_array(F.collect_list(F.struct("aspect", "praising", "mentioning", "review_ids"))).alias("aspects"))
    )
