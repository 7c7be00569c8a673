"""In every table: the pseudonyms of REASONREC_KEY_OLD become those of REASONREC_KEY, so that histories stay whole.

Bronze holds the shop's own ids: both pseudonyms of each are made again and one is put in place of the other. A
pseudonym that no id of bronze gives is refused before the first table is written. Each table is replaced in one commit,
and what is new already stays, so that a run that dies is run again. In the end no table has a history any more: the
reason to rotate may be that the old key is known.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.maintenance import rotation
from jobs.maintenance.erasure import PSEUDONYMS
from libs.errors import OperatorError
from libs.evidence.citations import with_new_ids
from libs.job import JobContext
from libs.privacy.keys import key_id, required
from libs.spark import delta, maintenance
from libs.tables import CONTRACT, Table, citing_tables, table

_FACTS = "results.evidence"  # whose ids hold a hash of the pseudonym


def run(ctx: JobContext) -> None:
    new, old = required(ctx.secrets, "pseudonym_key"), required(ctx.secrets, "old_key")
    if new == old:
        raise OperatorError("REASONREC_KEY and REASONREC_KEY_OLD are the same key: there is nothing to rotate")
    mapping = rotation.pseudonym_map(shop_ids(ctx), old, new).persist()
    tables = pseudonymous(ctx)
    refuse_unknown(ctx, tables, mapping)
    cite_new_ids(ctx, mapping)
    for number, found in enumerate(tables, 1):
        rewrite(ctx, found, rotation.with_pseudonyms(rows_of(ctx, found), mapping, key_id(new)))
        ctx.log.info("[%d/%d] %s: under the new key", number, len(tables), found.name)
    maintenance.purge_all_histories(ctx.spark, ctx.run.conf.env.warehouse, ctx.log)


def shop_ids(ctx: JobContext) -> list[DataFrame]:
    """Every column of bronze that holds users' ids."""
    kinds = [(name, kind) for name, kind in CONTRACT.items() if ctx.version(f"bronze.{name}") is not None]
    found = [ctx.read(f"bronze.{name}").select(column) for name, kind in kinds for column in kind.users]
    if not found:
        raise OperatorError(f"{ctx.shop.name} has no row of a user in bronze: there is nothing to rotate")
    return found


def pseudonymous(ctx: JobContext) -> list[Table]:
    """The tables that hold pseudonyms; results.evidence is a case of its own."""
    tables = maintenance.existing(ctx.spark, ctx.run.conf.env.warehouse)
    found = [t for t in tables if t.layer != "bronze" and set(PSEUDONYMS) & set(t.column_names)]
    return [t for t in found if t.name != _FACTS]


def refuse_unknown(ctx: JobContext, tables: list[Table], mapping: DataFrame) -> None:
    for found in tables:
        lost = rotation.unknown(rows_of(ctx, found), mapping).distinct().count()
        if lost:
            raise OperatorError(
                f"{found.name}: {lost} pseudonyms are of no user in bronze, under neither key: set REASONREC_KEY_OLD to"
                " the key they were made with (silver's key_id names it); nothing was changed"
            )


def cite_new_ids(ctx: JobContext, mapping: DataFrame) -> None:
    """Facts about a user get new ids: what cites them first, the facts themselves last."""
    facts = table(_FACTS)
    if ctx.version(facts.name) is None:
        return
    evidence = rotation.evidence_with_pseudonyms(rows_of(ctx, facts), mapping, ctx.shop.name).persist()
    changed = F.col("old_id") != F.col("evidence_id")
    ids = evidence.where(changed).select(F.col("old_id").alias("old"), F.col("evidence_id").alias("new")).distinct()
    ids = ids.persist()
    for found in citing_tables():
        rewrite(ctx, found, with_new_ids(rows_of(ctx, found), found, ids))
    rewrite(ctx, facts, evidence.drop("old_id"))
    ctx.log.info("evidence: %d facts about users under new ids", ids.count())


def rows_of(ctx: JobContext, found: Table) -> DataFrame:
    rows = delta.read(ctx.spark, ctx.run.conf.env.warehouse, found)
    return rows.where(F.col("shop") == ctx.shop.name)


def rewrite(ctx: JobContext, found: Table, rows: DataFrame) -> None:
    if ctx.version(found.name) is not None:
        maintenance.rewrite(ctx.spark, ctx.run.conf.env.warehouse, found, rows, ctx.shop.name)
