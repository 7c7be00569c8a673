"""The rule applied to a warehouse: which rows of training.models a job is given."""

from __future__ import annotations

from datetime import date

import pytest

from libs.errors import OperatorError
from libs.registry.models import model_row, models_by_cutoff, models_in_use, models_left_out, models_of_folds
from tests.conftest import Warehouse

NEW, OLD, FOLD = "2020-01-27", "2020-01-20", "2020-01-04"


def row(day: str, purpose: str = "record", fit: str = "") -> dict[str, object]:
    """A fit of ALS."""
    return {"model": "als", "version": f"als-{day}{fit}", "purpose": purpose, "train_cutoff": date.fromisoformat(day),
            "parameters": "{}", "data_versions": {}, "code_version": "1", "fitted": "{}"}  # fmt: skip


def test_tonight_uses_the_models_of_the_runs_training_day_and_a_fold_its_own(warehouse: Warehouse) -> None:
    """ALS of the 27th was recorded, then the two-tower network failed: tonight all models are those of the 20th."""
    fits = [row(OLD), row(NEW), row(NEW, fit="-b"), row(FOLD, "backtest"), row(FOLD), row("2020-01-05", "backtest")]
    warehouse.seed("training.models", fits)
    for trained, version in ((OLD, f"als-{OLD}"), (NEW, f"als-{NEW}-b")):
        # The shop is younger than the first fold, which has no model.
        ctx = warehouse.context("candidates.als", train_cutoff=trained, folds=("2019-01-01", FOLD))
        models = models_by_cutoff(ctx, "als")
        assert [(str(day), fit["version"], fit["purpose"]) for day, fit in models.items()] == [
            (FOLD, f"als-{FOLD}", "backtest"),
            ("2020-02-01", version, "record"),
        ]
        assert models_of_folds(ctx, "two_tower") == {}


def test_a_model_that_is_left_out_is_told_from_one_that_is_lost(warehouse: Warehouse) -> None:
    ctx = warehouse.context("candidates.two_tower", train_cutoff=NEW, folds=(FOLD,))
    warehouse.seed("training.models", [row(NEW)])
    with pytest.raises(OperatorError, match=r"training\.models has no two_tower of 2020-01-27"):
        models_by_cutoff(ctx, "two_tower")
    missing = row(NEW) | {"model": "two_tower", "fitted": '{"left_out": "too few steps"}'}
    warehouse.seed("training.models", [missing, row(FOLD, "backtest") | {"model": "two_tower"}])
    assert [str(day) for day in models_by_cutoff(ctx, "two_tower")] == [FOLD]
    assert set(models_in_use(ctx, "two_tower")) == {"als"}
    assert models_left_out(ctx) == {"two_tower": "too few steps"}


def test_a_job_records_only_the_models_that_the_catalog_lists_for_it(warehouse: Warehouse) -> None:
    ctx = warehouse.context("training.fusion")
    with pytest.raises(PermissionError, match=r"training\.fusion: the catalog does not list 'als' among its models"):
        model_row(ctx, "als", "als-1", ctx.as_of, {}, {})
