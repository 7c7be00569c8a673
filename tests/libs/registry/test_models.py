"""Which models serve tonight."""

from __future__ import annotations

from datetime import date

from libs.retrieval.candidates import models_to_serve
from tests.conftest import Warehouse

NEW, OLD = "2020-01-27", "2020-01-20"


def test_a_model_newer_than_the_runs_training_day_is_not_used(warehouse: Warehouse) -> None:
    """ALS of the 27th was recorded, then the two-tower network failed: tonight all models are those of the 20th."""
    warehouse.seed(
        "training.models",
        [
            {"model": "als", "version": f"als-{day}", "purpose": "record", "train_cutoff": date.fromisoformat(day),
             "parameters": "{}", "data_versions": {}, "code_version": "1", "fitted": "{}"}
            for day in (OLD, NEW)
        ],
    )  # fmt: skip
    for trained in (OLD, NEW):
        ctx = warehouse.context("candidates.als", train_cutoff=trained)
        assert models_to_serve(ctx, "als")[ctx.as_of]["version"] == f"als-{trained}"
