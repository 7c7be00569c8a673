"""The page to read first: every job, what it reads, what it writes, how often, on what, in one sentence.

The order of a run, Airflow's edges and the README's diagram all come from `reads` and `writes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libs.tables import CONTRACT, SOURCES

Cadence = Literal["daily", "training", "on_demand"]
Compute = Literal["small", "large", "training"]


@dataclass(frozen=True)
class Entry:
    """One job.

    Attributes:
        name: stage and job; jobs/<stage>/<job>.py is its module.
        cadence: daily; training (only when a training day has no model yet); on_demand (when somebody asks).
        compute: class of machine: small, large (scans events), training (Horovod ranks).
    """

    name: str
    about: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    cadence: Cadence = "daily"
    compute: Compute = "small"


def _t(layer: str, names: str) -> tuple[str, ...]:
    return tuple(f"{layer}.{name}" for name in names.split())


_BRONZE = tuple(f"bronze.{kind}" for kind in CONTRACT)
_SILVER = tuple(f"silver.{kind}" for kind in CONTRACT)
_CANDIDATES = tuple(f"candidates.{source}" for source in SOURCES)

CATALOG: tuple[Entry, ...] = (
    Entry(
        "ingest.bronze",
        "Brings the window's rows of each source in, mapped onto the contract, as delivered.",
        (),
        _BRONZE,
        compute="large",
    ),
    Entry(
        "ingest.silver",
        "Types, cleans, pseudonymises and deduplicates; quarantines what is malformed, with its reason.",
        _BRONZE,
        (*_SILVER, "bronze.rejected", "quality.quarantine", "quality.ingest_counts"),
        compute="large",
    ),
    Entry(
        "ingest.events",
        "Makes one stream of what users did, and pairs returns with the purchases they take back.",
        _t("silver", "transactions reviews interactions"),
        ("silver.events",),
        compute="large",
    ),
    Entry(
        "ingest.silver_gate",
        "Holds silver against conf/expectations; a failed gate stops the run.",
        (*_SILVER, "silver.events", "quality.ingest_counts"),
        ("quality.gate_results",),
    ),
    Entry(
        "products.product_text",
        "Cleans each product's words.",
        _t("silver", "products events"),
        ("features.product_text",),
    ),
    Entry(
        "products.text_vectors",
        "Embeds the texts that have no vector yet.",
        _t("features", "product_text text_vectors"),
        ("features.text_vectors",),
    ),
    Entry(
        "users.user_history",
        "Keeps each user's last events in order.",
        ("silver.events",),
        ("features.user_history",),
        compute="large",
    ),
    Entry(
        "products.item_pairs",
        "Counts which products follow which, and which come together.",
        ("silver.events", "features.user_history"),
        ("features.item_pairs",),
        compute="large",
    ),
    Entry(
        "products.product_profile",
        "Puts together what is known of each product.",
        ("silver.events", "silver.reviews", "silver.products", "features.product_text", "features.text_vectors"),
        ("features.product_profile",),
        compute="large",
    ),
    Entry(
        "users.user_rfm",
        "Recency, frequency, money, rhythm and rating habits.",
        ("silver.events", "features.product_profile"),
        ("features.user_rfm",),
        compute="large",
    ),
    Entry(
        "users.user_taste",
        "What brands, categories and price bands a user takes, decayed by age.",
        ("silver.events", "features.product_profile"),
        ("features.user_taste",),
        compute="large",
    ),
    Entry(
        "users.user_segment",
        "Clusters users and names each cluster by what marks it.",
        _t("features", "user_rfm user_taste"),
        ("features.user_segment",),
    ),
    Entry(
        "users.user_profile",
        "Puts together what is known of each user.",
        ("silver.users", *_t("features", "user_rfm user_taste user_segment")),
        ("features.user_profile",),
    ),
    Entry(
        "training.vocabulary",
        "Gives products the integer ids that models need.",
        _t("features", "product_profile"),
        ("training.vocabulary",),
    ),
    Entry(
        "training.als",
        "Fits implicit matrix factorisation (Spark MLlib); keeps the products' factors.",
        ("features.user_history", "training.vocabulary"),
        ("training.models",),
        cadence="training",
        compute="training",
    ),
    Entry(
        "training.two_tower_examples",
        "Lays out the steps of users' histories to learn from.",
        ("features.user_history", "features.user_profile", "training.vocabulary"),
        ("training.two_tower_examples",),
        cadence="training",
        compute="large",
    ),
    Entry(
        "training.two_tower",
        "Fits the two-tower network by Horovod on the snapshot's own files, through petastorm.",
        ("silver.events", "training.two_tower_examples", "training.vocabulary", "features.product_profile"),
        ("training.models",),
        cadence="training",
        compute="training",
    ),
    Entry(
        "candidates.popular",
        "What most users took lately.",
        ("silver.events", "features.user_history"),
        ("candidates.popular",),
    ),
    Entry(
        "candidates.popular_in_category",
        "What most users took lately in the categories a user likes.",
        ("silver.events", *_t("features", "user_history product_profile user_taste")),
        ("candidates.popular_in_category",),
    ),
    Entry(
        "candidates.repeat",
        "What a user comes back to.",
        ("silver.events", "features.user_history"),
        ("candidates.repeat",),
    ),
    Entry(
        "candidates.bought_together",
        "What comes together with what a user has.",
        ("silver.events", *_t("features", "user_history item_pairs")),
        ("candidates.bought_together",),
        compute="large",
    ),
    Entry(
        "candidates.transitions",
        "What follows what a user has.",
        ("silver.events", *_t("features", "user_history item_pairs")),
        ("candidates.transitions",),
        compute="large",
    ),
    Entry(
        "candidates.als",
        "Nearest products by matrix factorisation, for all users.",
        ("silver.events", "features.user_history", "training.vocabulary", "training.models"),
        ("candidates.als",),
        compute="large",
    ),
    Entry(
        "candidates.two_tower",
        "Nearest products by the two-tower network, for all users.",
        ("silver.events", *_t("features", "user_history user_profile"), "training.vocabulary", "training.models"),
        ("candidates.two_tower",),
        compute="large",
    ),
    Entry(
        "candidates.candidate_pool",
        "Joins the sources' lists, keeping source and rank.",
        ("features.user_history", *_CANDIDATES),
        ("candidates.candidate_pool",),
        compute="large",
    ),
    Entry(
        "training.fusion",
        "Fits the sources' weights on the back-test's folds.",
        ("silver.events", "features.user_history", "candidates.candidate_pool"),
        ("training.models",),
        cadence="training",
    ),
    Entry(
        "evaluation.backtest",
        "Measures every source and the fused list on windows nothing was fitted on.",
        (
            "silver.events",
            "features.user_history",
            "features.product_profile",
            "candidates.candidate_pool",
            "training.models",
        ),
        ("quality.metrics",),
        cadence="training",
        compute="large",
    ),
    Entry(
        "training.mlflow_mirror",
        "Shows the models of record in MLflow, for people; no job reads it.",
        ("training.models", "quality.metrics"),
        (),
        cadence="training",
    ),
    Entry(
        "scoring.recommendations",
        "Fuses the sources, filters by the shop's rules, and ranks.",
        ("candidates.candidate_pool", "features.product_profile", "silver.stock", "training.models"),
        ("results.recommendations",),
        compute="large",
    ),
    Entry(
        "explanation.evidence",
        "Gathers the facts that hold for each recommended row, and what each moved.",
        (
            "results.recommendations",
            "silver.events",
            "silver.social_edges",
            *_t("features", "item_pairs product_profile user_history user_rfm user_taste user_segment user_profile"),
        ),
        ("results.evidence", "results.recommendation_evidence"),
        compute="large",
    ),
    Entry(
        "explanation.explanations",
        "Writes one or two sentences a row and language, checks each against its facts, and stores what holds.",
        ("results.recommendations", "results.evidence", "results.recommendation_evidence", "features.product_profile"),
        ("results.explanations",),
        compute="large",
    ),
    Entry(
        "evaluation.audit",
        "Holds tonight's results against conf/expectations and its own checks; a failed gate publishes nothing.",
        (
            "results.recommendations",
            "results.explanations",
            "results.evidence",
            "results.recommendation_evidence",
            "candidates.candidate_pool",
            "quality.metrics",
        ),
        ("quality.gate_results",),
    ),
    Entry(
        "publish.release",
        "Publishes by one row.",
        (
            "results.recommendations",
            "results.explanations",
            "results.releases",
            "training.models",
            "quality.gate_results",
        ),
        ("results.releases",),
    ),
    Entry(
        "evaluation.realised",
        "Scores the lists that were really published, once their horizon has passed.",
        ("results.recommendations", "results.releases", "silver.events", "features.user_history", "quality.metrics"),
        ("quality.metrics",),
    ),
    Entry(
        "publish.export",
        "Writes tonight's lists and sentences by the shop's own ids, for the site to load.",
        (
            "results.releases",
            "results.pins",
            "results.recommendations",
            "results.explanations",
            "bronze.transactions",
            "bronze.reviews",
            "bronze.interactions",
        ),
        (),
        cadence="on_demand",
    ),
)


class UnknownJobError(KeyError):
    def __str__(self) -> str:
        return str(self.args[0])


def entry(name: str) -> Entry:
    """The job of that name; raises UnknownJobError that lists near names."""
    for found in CATALOG:
        if found.name == name:
            return found
    import difflib

    near = difflib.get_close_matches(name, [e.name for e in CATALOG], n=3) or ["daily"]
    raise UnknownJobError(f"unknown job {name!r}; did you mean {', '.join(near)}? `reasonrec jobs` lists all")


def edges() -> list[tuple[str, str]]:
    """(earlier job, later job) wherever the later reads what the earlier writes; the catalog's own order breaks ties.

    Jobs that both read and write a table, and gates that write beside others, come in the catalog's order, so the graph
    has no cycle: an edge only points down the page.
    """
    found = []
    for i, early in enumerate(CATALOG):
        for late in CATALOG[i + 1 :]:
            if set(early.writes) & set(late.reads):
                found.append((early.name, late.name))
    return found
