"""Keeps each user's last events in order.

One row of features.user_history is one user as of one cut-off: the events that candidates, sequence models and evidence
read, each with its sign, and the products the user owns and dislikes (libs.features.history says by what rule). A
product is owned when it was acquired by the shop's own kind of action (a purchase, a play in a music service), and is
neither wholly given back nor disliked; a review in a shop that sells, a view or a click does not make it owned.
"""

from __future__ import annotations

from dataclasses import dataclass

from libs.features.history import histories
from libs.job import JobContext, constants


@dataclass(frozen=True)
class Params:
    """most_events: events kept of a user, the newest ones."""

    most_events: int = 200


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    ledger = ctx.read_cutoffs("features.user_ledger")
    found = histories(ledger, ctx.shop, params.most_events)
    # One layout, however the ledgers came about: sums of floats in what reads batches of it follow the rows' order.
    laid_out = found.repartition("user_id").sortWithinPartitions("cutoff", "user_id")
    ctx.write("features.user_history", laid_out.withColumns(constants(ctx)))
