"""Keeps what each user took and saw, a night's delivery on top of the night before's.

One row of features.user_ledger is one user as of one cut-off. It is made from the newest earlier ledger whose events
nobody has changed since, and from the events that became known after it: a night costs by users and the delivery, never
by history. Where no such ledger is (the first load, a corrected day, a training day's folds) it is made from all
events; both ways give the same rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date

from pyspark.sql import functions as F

from libs.features.history import delivered, folded, ledgers
from libs.job import JobContext, constants

_EVENTS, _LEDGER = "silver.events", "features.user_ledger"
_TRIED = 7  # earlier ledgers looked at, newest first


@dataclass(frozen=True)
class Params:
    """most_taken: newest lines kept whole of what a user takes or reviews; most_seen: of what is seen or clicked."""

    most_taken: int = 1000
    most_seen: int = 200


def run(ctx: JobContext) -> None:
    params, shop = ctx.params(Params), ctx.shop
    caps = (params.most_taken, params.most_seen)
    kinds = {"acting": list(shop.acting_kinds), "acquiring": list(shop.acquiring_kinds)}
    keeps = asdict(params) | kinds | {"dislikes_to": shop.dislikes_to}
    events, known = ctx.read(_EVENTS), newest_known(ctx, keeps)
    if known is None:
        ctx.log.info("ledgers of %s from all events", ", ".join(map(str, ctx.run.cutoffs)))
        found = ledgers(delivered(events, ctx.run.cutoffs), shop, *caps)
    else:
        ctx.log.info("ledgers of %s from those of %s and what came since", ", ".join(map(str, ctx.run.cutoffs)), known)
        before = ctx.read_cutoffs(_LEDGER, (known,)).drop("cutoff")
        before = before.withColumn("cutoff", F.explode(F.array(*[F.lit(day) for day in ctx.run.cutoffs])))
        since = events.where((F.col("day") >= F.lit(known)) | (F.col("event_day") >= F.lit(known)))
        found = folded(before, delivered(since, ctx.run.cutoffs), shop, *caps)
    made_from = json.dumps({"version": ctx.versions_read.get(_EVENTS), **keeps})
    ctx.write(_LEDGER, found.withColumns(constants(ctx, made_from=made_from)))


def newest_known(ctx: JobContext, keeps: dict[str, object]) -> date | None:
    """The newest cut-off before the run's whose ledgers still say what silver.events does, kept by the same rules."""
    earlier = ctx.read(_LEDGER).where(F.col("cutoff") < F.lit(min(ctx.run.cutoffs)))
    made = earlier.groupBy("cutoff").agg(F.collect_set("made_from").alias("made_from"))
    for row in made.orderBy(F.desc("cutoff")).limit(_TRIED).collect():
        told = [json.loads(one) for one in row["made_from"]]
        version = told[0].pop("version")
        if len(told) == 1 and told[0] == keeps and version is not None:
            changed = ctx.changed_from(_EVENTS, version)
            if changed is None or changed >= row["cutoff"]:
                return row["cutoff"]  # type: ignore[no-any-return]
    return None
