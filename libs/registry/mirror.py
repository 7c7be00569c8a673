"""The MLflow mirror of the models of record: its address, and removing models from it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlparse

from libs.conf import EnvConf


def tracking_uri(env: EnvConf) -> str | None:
    """conf's `mlflow_uri`, else a SQLite file beside a local warehouse; None if there is neither."""
    place = urlparse(env.warehouse)
    local = f"sqlite:///{place.path.rstrip('/')}.mlflow.db" if place.scheme == "file" else None
    return env.mlflow_uri or local


def remove_runs(uri: str, shop: str, versions: Iterable[str]) -> int:
    """Deletes the runs of a shop's models; returns how many. `mlflow gc` then purges the deleted runs."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(shop)
    removed = 0
    for version in versions if experiment else ():
        for run in client.search_runs([experiment.experiment_id], f"tags.`mlflow.runName` = '{version}'"):
            client.delete_run(run.info.run_id)
            removed += 1
    return removed
