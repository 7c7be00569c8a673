"""Fits the weights by which candidate sources become one score.

One row of training.models is one fit: `backtest` for each measured window, on the folds before it, and `record` for the
training day, on all folds. `fitted` holds, for each target (all; first), sources, weights and powers, with the users
and the NDCG@10 of the fit.

If the back-test's fused lists are below popular's, fusing has not paid off: the record then puts all weight on the
source that was best before the last window (`fallback`), and keeps what was tested (`tested`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import functions as F

from libs.evaluation.lists import candidate_arrays, sample, targets, users_with_targets
from libs.job import JobContext
from libs.ranking import fusion
from libs.ranking.fusion import FusionWeights
from libs.registry.models import model_row, version_of
from libs.tables import FUSION, SOURCES, TABLES

_NAMES = tuple(SOURCES)
_FIT = ("users", "ndcg")  # what `fitted` says of the fit


@dataclass(frozen=True)
class Params:
    """Defaults of the fit.

    Attributes:
        prior: weights of a shop too young for a fold with a hit; scaled to sum to 1.
    """

    prior: dict[str, float] = field(default_factory=lambda: {name: source.prior for name, source in SOURCES.items()})


def run(ctx: JobContext) -> None:
    params, folds = ctx.params(Params), ctx.run.folds
    rows, most = examples(ctx) if folds else None, ctx.shop.evaluation.max_users
    # The oldest fold has none before it to be fitted on.
    days = (*folds[1:], ctx.run.train_cutoff)
    fits = {day: fit(rows, tuple(fold for fold in folds if fold < day), params, most) for day in days}
    if rows is not None:
        fits[ctx.run.train_cutoff] |= fallbacks(ctx, rows, fits, most)
    models = []
    for cutoff, fitted in fits.items():
        version = version_of(ctx, FUSION, cutoff, asdict(params))
        models.append(model_row(ctx, FUSION, version, cutoff, asdict(params), fitted))
    ctx.log.info("weights as of %s: %s", ctx.run.train_cutoff, fits[ctx.run.train_cutoff])
    ctx.write("training.models", ctx.spark.createDataFrame(models, TABLES["training.models"].ddl))


def examples(ctx: JobContext) -> pd.DataFrame:
    """One row per fold and chosen known user: number of targets and, where one is among them, the candidates' arrays.

    Bounded by evaluation.max_users a fold, whatever the shop's size.
    """
    folds = ctx.run.folds
    taken = targets(ctx.read("silver.events"), folds, ctx.shop.evaluation.horizon_days, ctx.shop)
    known = users_with_targets(taken, ctx.read_cutoffs("features.user_history", folds))
    users = sample(known, ctx.shop.evaluation.max_users)
    arrays = candidate_arrays(ctx.read_cutoffs("candidates.candidate_pool", folds), users, _NAMES)
    useful = arrays.where(F.array_contains("hit", True)).select("cutoff", "user_id", "owned", "hit", "normalized_score")
    counts = users.select("cutoff", "user_id", "place", "n_all", "n_first")
    return counts.join(useful.withColumnRenamed("owned", "owns"), ["cutoff", "user_id"], "left").toPandas()


def fit(
    rows: pd.DataFrame | None, folds: tuple[date, ...], params: Params, max_users: int
) -> dict[str, dict[str, Any]]:
    """Weights for each target from the folds given, or the prior where they hold no hit."""
    found: dict[str, dict[str, Any]] = {}
    for target in ("all", "first"):
        data = arrays_of(rows, folds, target, max_users) if rows is not None else None
        if data is None or not data["label"].any():
            found[target] = asdict(prior(params.prior)) | {"users": 0, "ndcg": None}
            continue
        weights = fusion.fit(_NAMES, **data)
        ndcg = fusion.ndcg_per_user(weights, **data)
        found[target] = asdict(weights) | {"users": int(ndcg.size), "ndcg": round(float(ndcg.mean()), 6)}
    return found


def fallbacks(
    ctx: JobContext, rows: pd.DataFrame, fits: Mapping[date, dict[str, dict[str, Any]]], max_users: int
) -> dict[str, dict[str, Any]]:
    """The record's entry of each target for which the fused lists of the measured windows are below popular's."""
    folds, entries = ctx.run.folds, {}
    for target in ("all", "first"):
        lists = {
            "fused": {fold: FusionWeights.of(fits[fold][target]) for fold in folds[1:]},
            "popular": dict.fromkeys(folds[1:], fusion.single(_NAMES, "popular")),
        }
        tested = {name: ndcg(rows, by_fold, target, max_users) for name, by_fold in lists.items()}
        if not tested["fused"] < tested["popular"]:
            continue
        # By the windows before the last one: a source chosen by the tested window would look better than it is.
        before = folds[:-1]
        alone = [ndcg(rows, dict.fromkeys(before, fusion.single(_NAMES, name)), target, max_users) for name in _NAMES]
        best = _NAMES[int(np.argmax(alone))]  # popular, the first, if no source had a hit
        ctx.log.warning("%s: NDCG@10 of the fused lists is %.4f, below popular's %.4f: the lists will be those of %s",
                        target, tested["fused"], tested["popular"], best)  # fmt: skip
        entry = asdict(fusion.single(_NAMES, best)) | {name: fits[ctx.run.train_cutoff][target][name] for name in _FIT}
        entries[target] = entry | {"fallback": best, "tested": {name: round(v, 6) for name, v in tested.items()}}
    return entries


def ndcg(rows: pd.DataFrame, weights: Mapping[date, FusionWeights], target: str, max_users: int) -> float:
    """Mean NDCG@10 over the users of all folds, each with its weights; 0 without users."""
    values = [np.zeros(0)]
    for fold, chosen in weights.items():
        data = arrays_of(rows, (fold,), target, max_users)
        if data is not None:
            values.append(fusion.ndcg_per_user(chosen, **data, only_listed=True))
    every = np.concatenate(values)
    return float(every.mean()) if every.size else 0.0


def arrays_of(
    rows: pd.DataFrame, folds: tuple[date, ...], target: str, max_users: int
) -> dict[str, np.ndarray[Any, Any]] | None:
    """Arguments of `fusion.fit`: the users of several folds pooled, each fold giving its share; None without users."""
    own = rows[rows["cutoff"].isin(folds) & (rows[f"n_{target}"] > 0)].sort_values(["place", "cutoff", "user_id"])
    own = own.head(max_users).sort_values(["cutoff", "user_id"])
    if own.empty:
        return None
    listed = own["hit"].notna().to_numpy()
    group, some = np.flatnonzero(listed), own[listed]
    lengths = np.array([len(hit) for hit in some["hit"]], dtype=np.int64)
    flat = {c: np.concatenate([*some[c], np.zeros(0)]) for c in ("hit", "owns", "normalized_score")}
    shown = np.ones(lengths.sum(), dtype=bool) if target == "all" else ~flat["owns"].astype(bool)
    # Candidates come in order of product_id, which is what breaks ties wherever lists are made.
    order = np.concatenate([np.arange(n) for n in lengths] or [np.zeros(0, dtype=np.int64)])
    return {
        "group": np.repeat(group, lengths)[shown],
        "features": flat["normalized_score"].reshape(-1, len(_NAMES))[shown],
        "label": flat["hit"].astype(bool)[shown],
        "n_targets": own[f"n_{target}"].to_numpy(dtype=np.int64),
        "tie_break": order[shown],
    }


def prior(shares: Mapping[str, float]) -> FusionWeights:
    total = sum(shares.get(name, 0.0) for name in _NAMES)
    return FusionWeights(_NAMES, tuple(shares.get(name, 0.0) / total for name in _NAMES), (1.0,) * len(_NAMES))
