"""The page to read first: every job, what it does in one sentence, what it reads and writes, how often, on what.

The order of a run, Airflow's edges and the flow diagram all come from `reads` and `writes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from libs.errors import OperatorError
from libs.tables import CONTRACT, SOURCES, TABLES, released_tables, table

Cadence = Literal["daily", "training_day", "weekly", "on_demand"]
Compute = Literal["small", "large", "ranks"]
COMPUTE: tuple[Compute, ...] = get_args(Compute)  # smaller ones first

# Tables of one layer that a job reads or writes together.
BRONZE = tuple(f"bronze.{kind}" for kind in CONTRACT)
SILVER = tuple(f"silver.{kind}" for kind in CONTRACT)
CANDIDATES = tuple(f"candidates.{source}" for source in SOURCES)
RELEASED = tuple(table.name for table in released_tables())  # what a release shows
ALL_TABLES = tuple(TABLES)  # what maintenance rewrites: it has no place of its own in the flow


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: stage and job; jobs/<stage>/<job>.py is its module.
        models: models of record that it fits.
        cadence: daily; training_day (only when a training day has no model yet); weekly (a schedule of its own);
            on_demand (when somebody asks).
        compute: class of machine: small, large (scans events), ranks (Horovod).

    Raises:
        ValueError: a name, cadence or class of machine that is none.
        UnknownTableError: a table that is none; names near ones.
    """

    name: str
    about: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    cadence: Cadence = "daily"
    compute: Compute = "small"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]\w*\.[a-z]\w*", self.name):
            raise ValueError(f"job {self.name!r}: write its name as stage.job")
        for value, allowed in ((self.cadence, get_args(Cadence)), (self.compute, COMPUTE)):
            if value not in allowed:
                raise ValueError(f"job {self.name}: {value!r} is none of {', '.join(allowed)}")
        for name in (*self.reads, *self.writes):
            table(name)

    @property
    def stage(self) -> str:
        return self.name.split(".")[0]


# Jobs that always run together, in order: `reasonrec run GROUP`, one spark-submit, one task of a DAG.
GROUPS: dict[str, tuple[Job, ...]] = {
    "ingest": (
        Job(
            "ingest.bronze",
            about="Brings the window's rows of each source in, mapped onto the contract, as delivered.",
            reads=("silver.suppressed_users",),
            writes=BRONZE,
            compute="large",
        ),
        Job(
            "ingest.silver",
            about="Types, cleans, pseudonymises, deduplicates; quarantines what is malformed, with its reason.",
            reads=(*BRONZE, *SILVER),
            writes=(*SILVER, "bronze.rejected", "quality.quarantine", "quality.ingest_counts"),
            compute="large",
        ),
        Job(
            "ingest.events",
            about="Makes one stream of what users did, and pairs returns with the purchases they take back.",
            reads=("silver.transactions", "silver.reviews", "silver.interactions"),
            writes=("silver.events",),
            compute="large",
        ),
        Job(
            "ingest.silver_gate",
            about="Holds silver against conf/expectations; a failed gate stops the run.",
            reads=(*SILVER, "silver.events", "quality.ingest_counts"),
            writes=("quality.gate_results",),
        ),
        Job(
            "monitoring.table_health",
            about="Holds each day's delivery against the days before it; raises alarms.",
            reads=(*SILVER, "quality.ingest_counts", "quality.table_health"),
            writes=("quality.table_health",),
            compute="large",
        ),
    ),
    "features": (
        Job(
            "products.product_days",
            about="Adds up what happened to each product, day by day.",
            reads=("silver.events",),
            writes=("features.product_days",),
            compute="large",
        ),
        Job(
            "products.basket_days",
            about="Puts the products of each basket together, day by day.",
            reads=("silver.events",),
            writes=("features.basket_days",),
            compute="large",
        ),
        Job(
            "products.review_aspects",
            about="Reads what each review mentions, once.",
            reads=("silver.reviews",),
            writes=("features.review_aspects",),
        ),
        Job(
            "products.product_text",
            about="Cleans each product's words.",
            reads=("silver.products", "features.product_days"),
            writes=("features.product_text",),
        ),
        Job(
            "products.text_vectors",
            about="Embeds the texts that have no vector yet.",
            reads=("features.product_text", "features.text_vectors"),
            writes=("features.text_vectors",),
        ),
        Job(
            "users.user_ledger",
            about="Keeps what each user took and saw, a night's delivery on top of the night before's.",
            reads=("silver.events", "features.user_ledger"),
            writes=("features.user_ledger",),
            compute="large",
        ),
        Job(
            "users.user_history",
            about="Keeps each user's last events in order.",
            reads=("features.user_ledger",),
            writes=("features.user_history",),
            compute="large",
        ),
        Job(
            "products.item_pairs",
            about="Counts which products follow which, and which come together.",
            reads=("features.basket_days", "features.user_history"),
            writes=("features.item_pairs",),
            compute="large",
        ),
        Job(
            "products.product_profile",
            about="Puts together what is known of each product.",
            reads=(
                "silver.products",
                "features.product_days",
                "features.review_aspects",
                "features.product_text",
                "features.text_vectors",
                "features.user_history",
            ),
            writes=("features.product_profile",),
            compute="large",
        ),
        Job(
            "users.user_rfm",
            about="Recency, frequency, money, rhythm and rating habits.",
            reads=("features.user_ledger", "features.product_profile"),
            writes=("features.user_rfm",),
            compute="large",
        ),
        Job(
            "users.user_taste",
            about="What brands, categories and price bands a user takes, decayed by age.",
            reads=("features.user_ledger", "features.product_profile"),
            writes=("features.user_taste",),
            compute="large",
        ),
        Job(
            "users.user_segment",
            about="Clusters users and names each cluster by what marks it.",
            reads=("features.user_rfm", "features.user_taste"),
            writes=("features.user_segment",),
        ),
        Job(
            "users.user_profile",
            about="Puts together what is known of each user.",
            reads=("silver.users", "features.user_rfm", "features.user_taste", "features.user_segment"),
            writes=("features.user_profile",),
        ),
        Job(
            "training.vocabulary",
            about="Gives products the integer ids that models need.",
            reads=("features.product_profile",),
            writes=("training.vocabulary",),
        ),
    ),
    "training": (
        Job(
            "training.als",
            about="Fits implicit matrix factorisation (Spark MLlib); keeps the products' factors.",
            reads=("features.user_history", "training.vocabulary"),
            writes=("training.models",),
            models=("als",),
            cadence="training_day",
            compute="ranks",
        ),
        Job(
            "training.two_tower_examples",
            about="Lays out the steps of users' histories to learn from.",
            reads=("features.user_history", "features.user_profile", "training.vocabulary"),
            writes=("training.two_tower_examples",),
            cadence="training_day",
            compute="large",
        ),
        Job(
            "training.two_tower",
            about="Fits the two-tower network by Horovod, fed by petastorm.",
            reads=(
                "features.product_days",
                "features.user_history",
                "training.two_tower_examples",
                "training.vocabulary",
                "features.product_profile",
            ),
            writes=("training.models",),
            models=("two_tower",),
            cadence="training_day",
            compute="ranks",
        ),
    ),
    "candidates": (
        Job(
            "candidates.popular",
            about="What most users took lately.",
            reads=("silver.events", "features.product_days", "features.user_history"),
            writes=("candidates.popular",),
        ),
        Job(
            "candidates.popular_in_category",
            about="What most users took lately in the categories a user likes.",
            reads=(
                "silver.events",
                "features.product_days",
                "features.user_history",
                "features.product_profile",
                "features.user_taste",
            ),
            writes=("candidates.popular_in_category",),
        ),
        Job(
            "candidates.repeat",
            about="What a user comes back to.",
            reads=("silver.events", "features.product_days", "features.user_history"),
            writes=("candidates.repeat",),
        ),
        Job(
            "candidates.bought_together",
            about="What comes together with what a user has.",
            reads=("silver.events", "features.user_history", "features.item_pairs"),
            writes=("candidates.bought_together",),
            compute="large",
        ),
        Job(
            "candidates.transitions",
            about="What follows what a user has.",
            reads=("silver.events", "features.user_history", "features.item_pairs"),
            writes=("candidates.transitions",),
            compute="large",
        ),
        Job(
            "candidates.als",
            about="Nearest products by matrix factorisation, for all users.",
            reads=("silver.events", "features.user_history", "training.vocabulary", "training.models"),
            writes=("candidates.als",),
            compute="large",
        ),
        Job(
            "candidates.two_tower",
            about="Nearest products by the two-tower network, for all users.",
            reads=(
                "silver.events",
                "features.user_history",
                "features.user_profile",
                "training.vocabulary",
                "training.models",
            ),
            writes=("candidates.two_tower",),
            compute="large",
        ),
        Job(
            "candidates.candidate_pool",
            about="Joins the sources' lists, keeping source and rank.",
            reads=("features.user_history", *CANDIDATES),
            writes=("candidates.candidate_pool",),
            compute="large",
        ),
    ),
    "weights": (
        Job(
            "training.fusion",
            about="Fits the sources' weights on the back-test's folds.",
            reads=("silver.events", "features.user_history", "candidates.candidate_pool"),
            writes=("training.models",),
            models=("fusion",),
            cadence="training_day",
        ),
        Job(
            "evaluation.backtest",
            about="Measures each source and the fused list on windows not fitted on.",
            reads=(
                "silver.events",
                "features.user_history",
                "features.product_profile",
                "candidates.candidate_pool",
                "training.models",
            ),
            writes=("quality.metrics",),
            cadence="training_day",
            compute="large",
        ),
        Job(
            "training.mlflow_mirror",
            about="Shows the models of record in MLflow, for people; no job reads it.",
            reads=("training.models", "quality.metrics"),
            cadence="training_day",
        ),
    ),
    "results": (
        Job(
            "scoring.recommendations",
            about="Fuses the sources, filters by the shop's rules, and ranks.",
            reads=("candidates.candidate_pool", "features.product_profile", "silver.stock", "training.models"),
            writes=("results.recommendations",),
            compute="large",
        ),
        Job(
            "explanation.evidence",
            about="Gathers the facts that hold for each recommended row, and what each moved.",
            reads=(
                "results.recommendations",
                "silver.social_edges",
                "features.item_pairs",
                "features.product_profile",
                "features.user_ledger",
                "features.user_history",
                "features.user_rfm",
                "features.user_taste",
                "features.user_segment",
            ),
            writes=("results.evidence", "results.recommendation_evidence"),
            compute="large",
        ),
        Job(
            "explanation.explanations",
            about="Writes sentences, checks each against its facts, stores what holds.",
            reads=(
                "results.recommendations",
                "results.evidence",
                "results.recommendation_evidence",
                "features.product_profile",
            ),
            writes=("results.explanations",),
            compute="large",
        ),
    ),
    "publish": (
        Job(
            "evaluation.audit",
            about="Holds tonight's results against limits and conf/expectations; a failed check publishes nothing.",
            reads=(
                *RELEASED,
                "candidates.candidate_pool",
                "features.user_history",
                "features.product_profile",
                "training.models",
                "results.releases",
                "quality.metrics",
                "quality.table_health",
                "quality.audits",
            ),
            writes=("quality.gate_results", "quality.audits"),
        ),
        Job(
            "publish.release",
            about="Publishes by one row.",
            reads=(
                *RELEASED,
                "features.user_profile",
                "features.product_profile",
                "results.releases",
                "training.models",
                "quality.gate_results",
                "quality.audits",
            ),
            writes=("results.releases",),
        ),
        Job(
            "evaluation.realised",
            about="Scores the lists that were really published, once their horizon has passed.",
            reads=(
                "results.recommendations",
                "results.releases",
                "silver.events",
                "features.user_history",
                "quality.metrics",
            ),
            writes=("quality.metrics",),
        ),
    ),
    "maintenance": (
        Job(
            "maintenance.compact_tables",
            about="In every table: small files together, rows past retention out, vacuum.",
            reads=("results.releases", "results.pins", "training.models"),
            writes=ALL_TABLES,
            cadence="weekly",
            compute="large",
        ),
    ),
}
# When somebody asks.
_ON_DEMAND = (
    Job(
        "publish.export",
        about="Writes tonight's lists and sentences by the shop's own ids, for the site to load.",
        reads=(
            "results.releases",
            "results.pins",
            *RELEASED,
            "bronze.transactions",
            "bronze.reviews",
            "bronze.interactions",
        ),
        cadence="on_demand",
    ),
    Job(
        "maintenance.erase_user",
        about="Makes users vanish from every table, file and model, and keeps them out.",
        reads=(
            *BRONZE,
            "bronze.rejected",
            *SILVER,
            "silver.events",
            "features.product_profile",
            "training.models",
            *RELEASED,
            "silver.suppressed_users",
        ),
        writes=ALL_TABLES,
        cadence="on_demand",
        compute="large",
    ),
    Job(
        "maintenance.rotate_key",
        about="In every table: pseudonyms of the old key become those of the new one.",
        reads=(*BRONZE, *RELEASED),
        writes=ALL_TABLES,
        cadence="on_demand",
        compute="large",
    ),
    Job(
        "maintenance.migrate_tables",
        about="In every table: columns of an older schema version become the present ones.",
        writes=ALL_TABLES,
        cadence="on_demand",
    ),
)

CATALOG: tuple[Job, ...] = (*(job for jobs in GROUPS.values() for job in jobs), *_ON_DEMAND)


def select(what: str) -> tuple[Job, ...]:
    """The jobs that `what` names, in order: `daily` (the night's), a group, or one job; raises OperatorError."""
    if what == "daily":
        return tuple(job for jobs in GROUPS.values() for job in jobs if job.cadence != "weekly")
    return GROUPS[what] if what in GROUPS else (get_job(what),)


def get_job(name: str) -> Job:
    """The job of that name; raises OperatorError that lists near names."""
    for job in CATALOG:
        if job.name == name:
            return job
    import difflib

    near = difflib.get_close_matches(name, ["daily", *GROUPS, *(job.name for job in CATALOG)], n=3) or ["daily"]
    raise OperatorError(f"unknown job {name!r}; did you mean {', '.join(near)}? `reasonrec jobs` lists all")


def compute_of(jobs: Iterable[Job]) -> Compute:
    """The largest class among jobs that run in one application."""
    return max((job.compute for job in jobs), key=COMPUTE.index)


def group_of(name: str) -> str:
    """The group that a job runs in; empty for one on demand."""
    return next((group for group, jobs in GROUPS.items() if any(job.name == name for job in jobs)), "")


def models_of(jobs: Iterable[Job]) -> tuple[str, ...]:
    """The models of record that the jobs fit, in order."""
    return tuple(model for job in jobs for model in job.models)


def models_before(group: str) -> tuple[str, ...]:
    """The models that a nightly group waits for: those that the groups before it fit. Empty for anything else."""
    nightly = select("daily")
    if not set(GROUPS.get(group, ())) & set(nightly):
        return ()
    return models_of(nightly[: nightly.index(GROUPS[group][0])])


def edges() -> list[tuple[str, str]]:
    """(earlier job, later job) wherever the later reads what the earlier writes; the catalog's own order breaks ties.

    Jobs that both read and write a table, and gates that write beside others, come in the catalog's order, so the graph
    has no cycle: an edge only points down the page. A job that writes all tables comes after everything or when
    somebody asks: it has no edges.
    """
    jobs = [job for job in CATALOG if job.writes != ALL_TABLES]
    return [
        (early.name, late.name)
        for place, early in enumerate(jobs)
        for late in jobs[place + 1 :]
        if set(early.writes) & set(late.reads)
    ]


def listed(tables: tuple[str, ...]) -> str:
    """What a job reads or writes, for people."""
    return "all tables" if tables == ALL_TABLES else ", ".join(tables) or "no table"
