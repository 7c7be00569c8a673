"""The page to read first: every job, what it reads, what it writes, how often, on what, in one sentence.

The order of a run, Airflow's edges and the README's diagram all come from `reads` and `writes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from libs.errors import OperatorError
from libs.tables import CONTRACT, SOURCES

Cadence = Literal["daily", "training_day", "weekly", "on_demand"]
Compute = Literal["small", "large", "ranks"]
COMPUTE: tuple[Compute, ...] = ("small", "large", "ranks")  # smaller ones first


@dataclass(frozen=True)
class Entry:
    """One job.

    Attributes:
        name: stage and job; jobs/<stage>/<job>.py is its module.
        cadence: daily; training_day (only when a training day has no model yet); weekly (a schedule of its own);
            on_demand (when somebody asks).
        compute: class of machine: small, large (scans events), ranks (Horovod).
    """

    name: str
    about: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    cadence: Cadence = "daily"
    compute: Compute = "small"


_MARKS: tuple[Cadence, ...] = ("on_demand", "training_day", "weekly")


def _jobs(text: str) -> tuple[Entry, ...]:
    """Reads `NAME (MARKS): ABOUT`, and below it `reads TABLES` and `writes TABLES`, indented by 8."""
    found = []
    for name, marks, about, tables in re.findall(
        r"(?m)^ {4}(\w+\.\w+)(?: \((.+)\))?: (.+)\n((?: {8}.+\n)*)", text.rstrip() + "\n"
    ):
        reads, _, writes = tables.partition("writes")
        cadence: Cadence = next((c for c in _MARKS if c in marks), "daily")
        compute: Compute = "ranks" if "ranks" in marks else "large" if "large" in marks else "small"
        found.append(Entry(name, about, _tables(reads.replace("reads", "")), _tables(writes), cadence, compute))
    return tuple(found)


def _tables(names: str) -> tuple[str, ...]:
    """Parted by blanks; `LAYER.*` is a table for each kind of source."""
    kinds = {"bronze.*": CONTRACT, "silver.*": CONTRACT, "candidates.*": SOURCES}
    return tuple(
        table
        for name in names.split()
        for table in ([name.replace("*", kind) for kind in kinds[name]] if name in kinds else [name])
    )


# Jobs that always run together, in order: `reasonrec run GROUP`, one spark-submit, one task of a DAG.
GROUPS: dict[str, tuple[Entry, ...]] = {
    "ingest": _jobs("""
    ingest.bronze (large): Brings the window's rows of each source in, mapped onto the contract, as delivered.
        reads  silver.suppressed_users
        writes bronze.*
    ingest.silver (large): Types, cleans, pseudonymises, deduplicates; quarantines what is malformed, with its reason.
        reads  bronze.* silver.*
        writes silver.* bronze.rejected quality.quarantine quality.ingest_counts
    ingest.events (large): Makes one stream of what users did, and pairs returns with the purchases they take back.
        reads  silver.transactions silver.reviews silver.interactions
        writes silver.events
    ingest.silver_gate: Holds silver against conf/expectations; a failed gate stops the run.
        reads  silver.* silver.events quality.ingest_counts
        writes quality.gate_results
    monitoring.table_health (large): Holds each day's delivery against the days before it; raises alarms.
        reads  silver.* quality.ingest_counts quality.table_health
        writes quality.table_health
    """),
    "features": _jobs("""
    products.product_days (large): Adds up what happened to each product, day by day.
        reads  silver.events
        writes features.product_days
    products.basket_days (large): Puts the products of each basket together, day by day.
        reads  silver.events
        writes features.basket_days
    products.review_aspects: Reads what each review mentions, once.
        reads  silver.reviews
        writes features.review_aspects
    products.product_text: Cleans each product's words.
        reads  silver.products features.product_days
        writes features.product_text
    products.text_vectors: Embeds the texts that have no vector yet.
        reads  features.product_text features.text_vectors
        writes features.text_vectors
    users.user_ledger (large): Keeps what each user took and saw, a night's delivery on top of the night before's.
        reads  silver.events features.user_ledger
        writes features.user_ledger
    users.user_history (large): Keeps each user's last events in order.
        reads  features.user_ledger
        writes features.user_history
    products.item_pairs (large): Counts which products follow which, and which come together.
        reads  features.basket_days features.user_history
        writes features.item_pairs
    products.product_profile (large): Puts together what is known of each product.
        reads  silver.products features.product_days features.review_aspects features.product_text
               features.text_vectors features.user_history
        writes features.product_profile
    users.user_rfm (large): Recency, frequency, money, rhythm and rating habits.
        reads  features.user_ledger features.product_profile
        writes features.user_rfm
    users.user_taste (large): What brands, categories and price bands a user takes, decayed by age.
        reads  features.user_ledger features.product_profile
        writes features.user_taste
    users.user_segment: Clusters users and names each cluster by what marks it.
        reads  features.user_rfm features.user_taste
        writes features.user_segment
    users.user_profile: Puts together what is known of each user.
        reads  silver.users features.user_rfm features.user_taste features.user_segment
        writes features.user_profile
    training.vocabulary: Gives products the integer ids that models need.
        reads  features.product_profile
        writes training.vocabulary
    """),
    "training": _jobs("""
    training.als (training_day, ranks): Fits implicit matrix factorisation (Spark MLlib); keeps the products' factors.
        reads  features.user_history training.vocabulary
        writes training.models
    training.two_tower_examples (training_day, large): Lays out the steps of users' histories to learn from.
        reads  features.user_history features.user_profile training.vocabulary
        writes training.two_tower_examples
    training.two_tower (training_day, ranks): Fits the two-tower network by Horovod, fed by petastorm.
        reads  features.product_days features.user_history training.two_tower_examples training.vocabulary
               features.product_profile
        writes training.models
    """),
    "candidates": _jobs("""
    candidates.popular: What most users took lately.
        reads  silver.events features.product_days features.user_history
        writes candidates.popular
    candidates.popular_in_category: What most users took lately in the categories a user likes.
        reads  silver.events features.product_days features.user_history features.product_profile
               features.user_taste
        writes candidates.popular_in_category
    candidates.repeat: What a user comes back to.
        reads  silver.events features.product_days features.user_history
        writes candidates.repeat
    candidates.bought_together (large): What comes together with what a user has.
        reads  silver.events features.user_history features.item_pairs
        writes candidates.bought_together
    candidates.transitions (large): What follows what a user has.
        reads  silver.events features.user_history features.item_pairs
        writes candidates.transitions
    candidates.als (large): Nearest products by matrix factorisation, for all users.
        reads  silver.events features.user_history training.vocabulary training.models
        writes candidates.als
    candidates.two_tower (large): Nearest products by the two-tower network, for all users.
        reads  silver.events features.user_history features.user_profile training.vocabulary training.models
        writes candidates.two_tower
    candidates.candidate_pool (large): Joins the sources' lists, keeping source and rank.
        reads  features.user_history candidates.*
        writes candidates.candidate_pool
    """),
    "weights": _jobs("""
    training.fusion (training_day): Fits the sources' weights on the back-test's folds.
        reads  silver.events features.user_history candidates.candidate_pool
        writes training.models
    evaluation.backtest (training_day, large): Measures each source and the fused list on windows not fitted on.
        reads  silver.events features.user_history features.product_profile candidates.candidate_pool
               training.models
        writes quality.metrics
    training.mlflow_mirror (training_day): Shows the models of record in MLflow, for people; no job reads it.
        reads  training.models quality.metrics
    """),
    "results": _jobs("""
    scoring.recommendations (large): Fuses the sources, filters by the shop's rules, and ranks.
        reads  candidates.candidate_pool features.product_profile silver.stock training.models
        writes results.recommendations
    explanation.evidence (large): Gathers the facts that hold for each recommended row, and what each moved.
        reads  results.recommendations silver.events silver.social_edges features.item_pairs
               features.product_profile features.user_ledger features.user_history features.user_rfm
               features.user_taste features.user_segment features.user_profile
        writes results.evidence results.recommendation_evidence
    explanation.explanations (large): Writes sentences, checks each against its facts, stores what holds.
        reads  results.recommendations results.evidence results.recommendation_evidence features.product_profile
        writes results.explanations
    """),
    "publish": _jobs("""
    evaluation.audit: Holds tonight's results against limits and conf/expectations; a failed check publishes nothing.
        reads  results.recommendations results.explanations results.evidence results.recommendation_evidence
               candidates.candidate_pool features.user_history features.product_profile training.models
               results.releases quality.metrics quality.table_health quality.audits
        writes quality.gate_results quality.audits
    publish.release: Publishes by one row.
        reads  results.recommendations results.explanations results.releases training.models quality.gate_results
               quality.audits
        writes results.releases
    evaluation.realised: Scores the lists that were really published, once their horizon has passed.
        reads  results.recommendations results.releases silver.events features.user_history quality.metrics
        writes quality.metrics
    """),
    "maintenance": _jobs("""
    maintenance.compact_tables (weekly, large): In every table: small files together, rows past retention out, vacuum.
        reads  results.releases results.pins training.models
    """),
}
_ON_DEMAND = _jobs("""
    publish.export (on_demand): Writes tonight's lists and sentences by the shop's own ids, for the site to load.
        reads  results.releases results.pins results.recommendations results.explanations bronze.transactions
               bronze.reviews bronze.interactions
    maintenance.erase_user (on_demand, large): Makes users vanish from every table, file and model, and keeps them out.
        reads  bronze.* bronze.rejected silver.* silver.events features.product_profile training.models
               results.recommendations results.evidence results.recommendation_evidence results.explanations
               silver.suppressed_users
        writes silver.suppressed_users
    maintenance.rotate_key (on_demand, large): In every table: pseudonyms of the old key become those of the new one.
        reads  bronze.* results.evidence
    maintenance.migrate_tables (on_demand): In every table: columns of an older schema version become the present ones.
""")

CATALOG: tuple[Entry, ...] = (*(job for jobs in GROUPS.values() for job in jobs), *_ON_DEMAND)


def select(what: str) -> tuple[Entry, ...]:
    """The jobs that `what` names, in order: `daily` (the night's), a group, or one job; raises OperatorError."""
    if what == "daily":
        return tuple(job for jobs in GROUPS.values() for job in jobs if job.cadence != "weekly")
    return GROUPS[what] if what in GROUPS else (entry(what),)


def entry(name: str) -> Entry:
    """The job of that name; raises OperatorError that lists near names."""
    for found in CATALOG:
        if found.name == name:
            return found
    import difflib

    near = difflib.get_close_matches(name, ["daily", *GROUPS, *(e.name for e in CATALOG)], n=3) or ["daily"]
    raise OperatorError(f"unknown job {name!r}; did you mean {', '.join(near)}? `reasonrec jobs` lists all")


def compute_of(jobs: Iterable[Entry]) -> Compute:
    """The largest class among jobs that run in one application."""
    return max((job.compute for job in jobs), key=COMPUTE.index)


def group_of(name: str) -> str:
    """The group that a job runs in; empty for one on demand."""
    return next((group for group, jobs in GROUPS.items() if any(job.name == name for job in jobs)), "")


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
