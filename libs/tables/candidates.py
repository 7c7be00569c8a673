"""The lists of each source, and the pool of all candidates."""

from __future__ import annotations

from libs.tables.sources import SOURCES, Source
from libs.tables.table import CUTOFF, Table, define

# The part of a score that comes from each item of the user's history: attribution_share is the fraction of the source's
# normalized score that is lost if the item is removed from the history.
_ATTRIBUTIONS = "array<struct<product_id:string,attribution_share:double>>"


def _candidates(source: Source) -> Table:
    return define(
        f"candidates.{source.name}",
        source.about,
        f"""{CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        rank | int! | rank in this source's list for the user, from 1; ties by product_id
        score | double! | the source's own score
        normalized_score | double! | score relative to the best of the user's list, in (0, 1]
        attributions | {_ATTRIBUTIONS}! | history items that contribute to the score, greatest share first, at most 3""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        retention_days=14,
        equality="close",
        schema_version=2,
    )


CANDIDATES = (
    *map(_candidates, SOURCES.values()),
    define(
        "candidates.candidate_pool",
        "A candidate with every source that proposed it, and its rank there; none that the user dislikes or gave back.",
        f"""{CUTOFF}
        user_id | string! | pseudonym
        product_id | string! | the candidate
        owned | boolean! | the user owns it or knows it otherwise: by a review without a purchase, say
        sources | array<struct<source:string,rank:int,normalized_score:double,attributions:{_ATTRIBUTIONS}>>! | the sources that proposed it, sorted by source""",
        "shop cutoff user_id product_id",
        "cutoffs",
        partitioned_by=("shop", "cutoff"),
        retention_days=14,
        equality="close",
        schema_version=2,
    ),
)
