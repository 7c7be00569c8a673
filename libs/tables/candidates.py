"""Lists by source, and their pool."""

from __future__ import annotations

from libs.tables.table import CUTOFF, Table, define

# How a model's or a list's score rests on the user's own history: share = the fraction of the source's normalized score
# that is lost when the item is taken out of the history.
_ATTRIBUTIONS = "array<struct<product_id:string,attribution_share:double>>"

SOURCES = ("popular", "popular_in_category", "repeat", "bought_together", "transitions", "als", "two_tower")


def _candidates(source: str, about: str) -> Table:
    return define(
        f"candidates.{source}",
        about,
        f"""{CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        rank | int! | place in this source's list of the user, from 1; ties by product_id
        score | double! | the source's own score
        normalized_score | double! | score relative to the best of the user's list, in (0, 1]
        attributions | {_ATTRIBUTIONS}! | history items that carry the score, greatest share first, 3 at most""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        retention_days=14,
        equality="close",
        schema_version=2,
    )


CANDIDATES = (
    _candidates("popular", "Products most users took lately: time-decayed counts, the same for all."),
    _candidates("popular_in_category", "Products most users took lately in the categories of the user's taste."),
    _candidates("repeat", "The user's own products, by how often and by what rhythm they came back."),
    _candidates("bought_together", "Products taken in one step with products of the user's history."),
    _candidates("transitions", "Products taken after products of the user's history, by directed steps."),
    _candidates("als", "Products near the user's factors: implicit matrix factorisation."),
    _candidates("two_tower", "Products near the user's vector: the two-tower network."),
    define(
        "candidates.candidate_pool",
        "A candidate with the source and rank that brought it; none that the user dislikes or gave back.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        owned | boolean! | the user owns it or knows it otherwise: by a review without a purchase, say
        sources | array<struct<source:string,rank:int,normalized_score:double,attributions:{_ATTRIBUTIONS}>>! | which sources brought it, sorted by source""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        retention_days=14,
        equality="close",
        schema_version=2,
    ),
)
