import json
from datetime import date

DAY = date(2020, 2, 1)


def test_each_record_model_is_shown_once_with_its_parameters_and_figures(warehouse):
    from mlflow.tracking import MlflowClient

    model = {
        "model": "als",
        "version": "als-1",
        "purpose": "record",
        "train_cutoff": DAY,
        "parameters": json.dumps({"rank": 8, "rule": {"most": 5}}),
        "data_versions": {},
        "code_version": "0",
        "fitted": "{}",
    }
    warehouse.seed("training.models", [model, model | {"version": "als-fold", "purpose": "backtest"}])
    figure = {"train_cutoff": date(2020, 1, 4), "test_start": date(2020, 1, 4), "test_end": DAY, "target": "all"}
    figure |= {"list": "als", "metric": "ndcg", "k": 10, "value": 0.25, "users": 7, "kind": "backtest"}
    warehouse.seed("quality.metrics", [figure, figure | {"list": "popular", "value": 0.1}])
    for _ in range(2):
        warehouse.run("training.mlflow_mirror")
    client = MlflowClient(f"sqlite:///{warehouse.folder}.mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    assert [run.info.run_name for run in runs] == ["als-1"]
    assert runs[0].data.params == {"rank": "8", "rule.most": "5"}
    assert runs[0].data.metrics == {"als.all.ndcg_at_10": 0.25}


def test_a_server_that_is_not_there_does_not_stop_the_night(warehouse, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    env = warehouse.conf.env.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    warehouse.conf = type(warehouse.conf)(warehouse.conf.root, env, warehouse.conf.shop, {})
    row = {"model": "als", "version": "v", "purpose": "record", "train_cutoff": DAY, "parameters": "{}"}
    warehouse.seed("training.models", [row | {"data_versions": {}, "code_version": "0", "fitted": "{}"}])
    warehouse.run("training.mlflow_mirror")  # a warning, not an error
