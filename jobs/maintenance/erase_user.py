"""Makes users vanish: from every table, log, model, export and sentence; and keeps them out of what comes later.

The shop's own ids stand in a file, one a line, that only its owner may read: a command line is seen in the list of
processes and in the shell's history. First they go on the suppression list, hashed by a key of its own: a delivery
brings them back no more. Facts that rest on their rows are dropped, sentences that cite one are written again, models
that saw them are dropped (the next night trains). Bronze, by which the rest is found, goes last: a run that dies is run
again. In the end no table has a history any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.maintenance import erasure
from jobs.maintenance.erasure import Traces
from libs.conf import typed_params
from libs.errors import GateError
from libs.evidence.citations import citations
from libs.evidence.sentences import Limits, with_facts, written
from libs.ingest.suppression import suppressed_keys
from libs.job import JobContext
from libs.privacy.keys import key_id, pseudonym, required
from libs.registry.mirror import remove_runs, tracking_uri
from libs.registry.weights import checkpoints_uri, remove_folder, sweep_models
from libs.spark import maintenance
from libs.tables import CONTRACT, LIST_ROW, citing_tables, list_tables, table


@dataclass(frozen=True)
class Params:
    """file: names a local file with the shop's own user ids, one a line, of mode 0600."""

    file: str = ""


def run(ctx: JobContext) -> None:
    ids = erasure.read_ids(ctx.params(Params).file)
    suppress(ctx, ids)
    traces = find(ctx, ids)
    drop_models(ctx, traces)
    withdraw_facts(ctx, traces)
    delete(ctx, traces)
    remove_folder(f"{ctx.run.conf.env.warehouse.rstrip('/')}/exports/{ctx.shop.name}")
    maintenance.purge_all_histories(ctx.spark, ctx.run.conf.env.warehouse, ctx.log)
    hold_deliveries(ctx, ids)


def suppress(ctx: JobContext, ids: Mapping[str, int]) -> None:
    key = required(ctx.secrets, "suppression_key")
    suppressed_keys(ctx.read("silver.suppressed_users"), key)  # refuses a key that the list was not made with
    rows, name = (
        [(ctx.shop.name, pseudonym(one, key), key_id(key), ctx.as_of) for one in ids],
        "silver.suppressed_users",
    )
    ctx.write(name, ctx.spark.createDataFrame(rows, table(name).ddl))


def find(ctx: JobContext, ids: Mapping[str, int]) -> Traces:
    """The users' rows, by their ids in bronze and by their pseudonyms in silver."""
    key = required(ctx.secrets, "pseudonym_key")
    lines = {pseudonym(one, key): line for one, line in ids.items()}
    users = ctx.spark.createDataFrame([(one,) for one in lines], "user_id string").persist()
    rejected = ctx.read("bronze.rejected")
    found = [erasure.as_traces(rejected.where(erasure.mentions(F.col("payload"), ids)))]
    for name, kind in CONTRACT.items():
        if ctx.version(f"bronze.{name}") is not None:
            found.append(erasure.rows_of(ctx.read(f"bronze.{name}"), kind, ids))
    names = [*(f"silver.{name}" for name, kind in CONTRACT.items() if kind.users), "silver.events"]
    silver = [ctx.read(name) for name in names if ctx.version(name) is not None]
    found += [erasure.as_traces(rows.join(F.broadcast(users), "user_id", "left_semi")) for rows in silver]
    traces = erasure.traces_of(users, found)
    ctx.log.info("%d users stand in %d rows as delivered", len(ids), traces.row_id.count())
    if unmet := sorted(lines[one] for one in lines.keys() - erasure.users_found(users, silver)):
        told = ", ".join(map(str, unmet[:20])) + (", ..." if len(unmet) > 20 else "")
        ctx.log.warning("no row of silver names the user of line %s; is the id spelled as the shop does?", told)
    return traces


def drop_models(ctx: JobContext, traces: Traces) -> None:
    """Drops the models fitted on a day of the users: from MLflow, then the record, then weights and checkpoints."""
    models = ctx.read("training.models")
    saw = models.where(F.col("train_cutoff") > F.lit(traces.first_day)).select("version").persist()
    gone = [row["version"] for row in saw.collect()]
    mirror = tracking_uri(ctx.run.conf.env)
    if gone and mirror:
        remove_runs(mirror, ctx.shop.name, gone)
    if gone:
        drop(ctx, "training.models", saw, ["version"])
    kept = [row["version"] for row in ctx.read("training.models").select("version").collect()]
    sweep_models(ctx.run.conf.env.warehouse, ctx.shop.name, kept)
    remove_folder(checkpoints_uri(ctx.run.conf.env.warehouse, ctx.shop.name))
    ctx.log.info("%d models saw the users and are dropped; the next nightly run trains", len(gone))


def withdraw_facts(ctx: JobContext, traces: Traces) -> None:
    """Takes back what was said to others on the strength of the users' rows."""
    evidence, links = ctx.read("results.evidence"), ctx.read("results.recommendation_evidence")
    profiles, sentences = ctx.read("features.product_profile"), ctx.read("results.explanations")
    if ctx.version("features.product_profile") is not None:
        update(ctx, "features.product_profile", erasure.without_reviews(profiles, traces), ["aspects"])
    min_people = ctx.shop.privacy.min_people
    gone = erasure.facts_to_withdraw(evidence, traces, min_people).persist()
    if gone.isEmpty():
        return
    touched = erasure.citing(sentences, gone, traces).persist()
    fact, row = ["release_id", "evidence_id"], ["release_id", *LIST_ROW]
    listed = [ctx.read(found.name).select(*row, "as_of", "score") for found in list_tables()]
    lists = reduce(DataFrame.union, listed).join(F.broadcast(touched), row, "left_semi")
    kept = [rows.join(F.broadcast(gone), fact, "left_anti") for rows in (evidence, links)]
    limits = typed_params(Limits, ctx.run.conf.job_params("explanation.explanations"), "explanation.explanations")
    told = written(with_facts(lists, profiles, *kept), ctx.run.conf.root, ctx.shop.languages, limits, min_people)
    keys = sentences.join(F.broadcast(touched), row, "left_semi").select(*table("results.explanations").keys)
    fresh = keys.join(told, [*row, "language"], "left").persist()
    if not touched.isEmpty():
        said = [name for name in told.columns if name not in (*row, "language")]
        update(ctx, "results.explanations", fresh, said, "new.grounded")
    for found in citing_tables():  # sentences cite none of them by now, but for those that belong to no list
        cited = citations(ctx.read(found.name), found).join(F.broadcast(gone), fact, "left_semi")
        keys = [key for key in found.keys if key != "shop"]
        drop(ctx, found.name, cited.select(*keys).distinct(), keys)
    drop(ctx, "results.evidence", gone, fact)
    ctx.log.info("%d facts dropped, %d sentences written again", gone.count(), fresh.count())


def delete(ctx: JobContext, traces: Traces) -> None:
    """The users' rows of every table; those last by which the others are found."""
    tables = maintenance.existing(ctx.spark, ctx.run.conf.env.warehouse)
    for found in sorted(tables, key=erasure.finds_others):
        for values, column in erasure.rows_to_delete(found, traces):
            if rows := drop(ctx, found.name, values, [column]):
                ctx.log.info("%s: %d rows deleted", found.name, rows)


def drop(ctx: JobContext, name: str, rows: DataFrame, columns: list[str]) -> int:
    return maintenance.delete_matching(ctx.spark, ctx.run.conf.env.warehouse, table(name), ctx.shop.name, rows, columns)


def update(ctx: JobContext, name: str, rows: DataFrame, columns: list[str], keep: str = "true") -> None:
    maintenance.update_matching(ctx.spark, ctx.run.conf.env.warehouse, table(name), rows, columns, keep)


def hold_deliveries(ctx: JobContext, ids: Mapping[str, int]) -> None:
    """Raises GateError that names the files which still hold one of the users."""
    holding = erasure.deliveries_holding(ctx.spark, ctx.run.conf, ids)
    if holding:
        files = ", ".join(holding)
        raise GateError(f"erased, but these deliveries still hold one of the users; clean them, then rerun: {files}")
