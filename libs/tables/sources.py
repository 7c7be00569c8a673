"""The candidate sources, one declaration each; tables, the pool, fusion and the back-test derive from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One list of candidates for each user: the job `candidates.<name>` writes the table of the same name.

    Attributes:
        about: how the list is made, the `about` of its table.
        prior: weight in the fused score for a shop too young to fit weights; the priors are scaled to sum to 1.
        model: the model of record that it scores with; empty if it needs none.
        learned: fitted on users' events, so the back-test must show that it is better than `popular`.
    """

    name: str
    about: str
    prior: float
    model: str = ""
    learned: bool = False


_SOURCES = (
    Source(
        "popular",
        "Products that most users acquired lately: time-decayed counts, the same for all users.",
        prior=0.05,
    ),
    Source(
        "popular_in_category",
        "Products that most users acquired lately in the categories that the user prefers.",
        prior=0.1,
    ),
    Source(
        "repeat",
        "The user's own products, by how often and at what intervals the user acquired them.",
        prior=0.25,
    ),
    Source(
        "bought_together",
        "Products acquired in the same step as products of the user's history.",
        prior=0.1,
        learned=True,
    ),
    Source(
        "transitions",
        "Products acquired after products of the user's history, by directed steps.",
        prior=0.2,
        learned=True,
    ),
    Source(
        "als",
        "Products near the user's factors: implicit matrix factorisation.",
        prior=0.15,
        model="als",
        learned=True,
    ),
    Source(
        "two_tower",
        "Products near the user's vector: the two-tower network.",
        prior=0.15,
        model="two_tower",
        learned=True,
    ),
)

SOURCES: dict[str, Source] = {source.name: source for source in _SOURCES}
FUSION = "fusion"  # the model that combines the sources' lists into one
# Every model of record, in the order they are fitted.
MODELS: tuple[str, ...] = (*dict.fromkeys(source.model for source in _SOURCES if source.model), FUSION)
