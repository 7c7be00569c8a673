"""Shows the models of record in MLflow, for people: one run a model, with its parameters, its fit and its figures.

No job reads MLflow. A model that is already there is not written again. Without a server to be reached the mirror is
left out with a warning: it must not stop a night.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from pyspark.sql import Row
from pyspark.sql import functions as F

from libs.evaluation.lists import FINAL
from libs.job import JobContext
from libs.registry.mirror import tracking_uri
from libs.registry.models import models_in_use
from libs.tables import SOURCES


def run(ctx: JobContext) -> None:
    uri = tracking_uri(ctx.run.conf.env)
    if uri is None:
        ctx.log.info("mlflow_uri is not set and the warehouse is not local: nothing is mirrored")
        return
    day = ctx.run.train_cutoff
    figures = ctx.read("quality.metrics").where(
        (F.col("kind") == "backtest") & (F.col("test_end") == day) & (F.col("metric") == "ndcg") & (F.col("k") == 10)
    )
    rows, values = models_in_use(ctx).values(), figures.collect()
    try:
        mirrored = [row["version"] for row in rows if mirror(uri, ctx.shop.name, row, values)]
    except Exception as error:
        ctx.log.warning("not mirrored to MLflow: %s", str(error).splitlines()[0])
        return
    ctx.log.info("mirrored to %s: %s", uri, ", ".join(mirrored) or "nothing new")


def mirror(uri: str, shop: str, model: Row, figures: list[Row]) -> bool:
    """Writes one model as a run named by its version; False where it is there already."""
    import mlflow
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells each table that it makes

    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(shop)
    experiment = found.experiment_id if found else client.create_experiment(shop)
    name = model["version"]
    if client.search_runs([experiment], f"tags.`mlflow.runName` = '{name}'", max_results=1):
        return False
    tags = {"model": model["model"], "train_cutoff": str(model["train_cutoff"]), "code_version": model["code_version"],
            "weights_uri": model["weights_uri"] or "", "checksum": model["checksum"] or ""}  # fmt: skip
    started = client.create_run(experiment, run_name=name, tags=tags)
    for key, value in flat(json.loads(model["parameters"])).items():
        client.log_param(started.info.run_id, key, value)
    lists = {FINAL, *(source.name for source in SOURCES.values() if source.model == model["model"])}
    for row in figures:
        if row["value"] is not None and row["list"] in lists:
            client.log_metric(started.info.run_id, f"{row['list']}.{row['target']}.ndcg_at_10", row["value"])
    client.set_terminated(started.info.run_id)
    return True


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters under dotted names.

    >>> flat({"model": {"dim": 64}, "seed": 7})
    {'model.dim': 64, 'seed': 7}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
