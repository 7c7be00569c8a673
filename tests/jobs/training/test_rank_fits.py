"""What is recorded of fits on ranks; the ranks themselves are stood in for (tests/libs/training runs them)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.training import rank_fits
from libs.registry.models import left_out_row
from libs.training.spec import TrainParams
from libs.training.two_tower_task import TwoTowerTask
from tests.libs.models import tiny

FOLD, DAY = date(2020, 1, 1), date(2020, 2, 1)


def result(weights: str) -> dict[str, object]:
    return {"rows": 1, "ranks": 2, "steps": 1, "losses": [0.5], "weights_sha256": weights, "checksum": f"sum {weights}",
            "seconds": 1.0, "input_wait_seconds": 0.0}  # fmt: skip


def test_fits_are_recorded_in_one_launch_unless_the_ranks_weights_differ(warehouse, monkeypatch):
    example = {
        "user_id": "u",
        "step": 2,
        "history": [1],
        "history_age": [0.5],
        "profile": [0.5],
        "target": 2,
        "weight": 1.0,
    }
    warehouse.seed("training.two_tower_examples", [example | {"cutoff": day} for day in (FOLD, DAY)])
    ctx = warehouse.context("training.two_tower", folds=(str(FOLD),))
    rows, kept = ctx.read_cutoffs("training.two_tower_examples"), []

    def task(folder):
        kept.append(folder)
        return TwoTowerTask(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)

    fits = [
        rank_fits.describe(ctx, "two_tower", day, rows.where(F.col("cutoff") == day), TrainParams(), {}, task)
        for day in (FOLD, DAY)
    ]
    assert [fit.spec.checkpoints for fit in fits] == kept
    assert [(len(fit.spec.files), fit.spec.expected_rows) for fit in fits] == [(1, 1)] * 2
    assert not set(fits[0].spec.files) & set(fits[1].spec.files)
    launched = []

    def ranks(second):
        def run_on_ranks(spark, horovod, function, specs, uris, stall_timeout_s):
            launched.append(uris)
            return [[result("a"), result("b")], [result("a"), result(second)]]

        return run_on_ranks

    monkeypatch.setattr(rank_fits, "run_on_ranks", ranks("other"))
    with pytest.raises(RuntimeError, match="weights differ"):
        rank_fits.fit_and_record(ctx, fits, {})
    assert warehouse.collect("training.models") == []
    monkeypatch.setattr(rank_fits, "run_on_ranks", ranks("b"))
    rank_fits.fit_and_record(ctx, fits, {"dim": 8})
    assert launched == [[fit.uri for fit in fits]] * 2
    recorded = warehouse.rows("training.models", "model", "purpose", "train_cutoff", "checksum", "parameters")
    assert recorded == [
        ("two_tower", "backtest", FOLD, "sum a", json.dumps({"dim": 8})),
        ("two_tower", "record", DAY, "sum b", json.dumps({"dim": 8})),
    ]
    assert not any(Path(folder.removeprefix("file://")).exists() for folder in kept)

    ctx = warehouse.context("training.two_tower", end="2020-03-01")
    rank_fits.fit_and_record(ctx, [], {}, [left_out_row(ctx, "two_tower", {}, "too few steps")])
    assert len(launched) == 2  # nothing to fit: no rank starts
    assert ("two_tower-2020-03-01-record", None) in warehouse.rows("training.models", "version", "weights_uri")
