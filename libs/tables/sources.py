"""Where candidates come from: one declaration a source. Tables, the pool, fusion and the back-test derive from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One list of candidates for each user: the job `candidates.<name>` writes the table of the same name.

    Attributes:
        about: how the list is made, the `about` of its table.
        prior: weight in the fused score of a shop too young to fit weights; all are scaled to sum to 1.
        model: the model of record that it scores with; empty where it needs none.
        learned: fitted on what users did, so that the back-test must show it better than `popular`.
    """

    name: str
    about: str
    prior: float
    model: str = ""
    learned: bool = False


_SOURCES = (
    Source(
        "popular",
        "Products most users took lately: time-decayed counts, the same for all.",
        prior=0.05,
    ),
    Source(
        "popular_in_category",
        "Products most users took lately in the categories of the user's taste.",
        prior=0.1,
    ),
    Source(
        "repeat",
        "The user's own products, by how often and by what rhythm they came back.",
        prior=0.25,
    ),
    Source(
        "bought_together",
        "Products taken in one step with products of the user's history.",
        prior=0.1,
        learned=True,
    ),
    Source(
        "transitions",
        "Products taken after products of the user's history, by directed steps.",
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
FUSION = "fusion"  # the model that joins the sources' lists to one
# Every model of record, in the order they are fitted.
MODELS: tuple[str, ...] = (*dict.fromkeys(source.model for source in _SOURCES if source.model), FUSION)
