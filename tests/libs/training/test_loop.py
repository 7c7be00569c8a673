import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from libs.models import score, two_tower
from libs.registry.weights import save_arrays
from libs.training.checkpoint import CheckpointError
from libs.training.loop import TrainingError, train, train_many
from libs.training.spec import TrainingDataError, TrainParams, TrainSpec
from libs.training.two_tower_task import StoredCatalogue, TwoTowerTask
from tests.libs.models import tiny

PARAMS = TrainParams(epochs=4, batch_size=16, learning_rate=0.01)


def fit_spec(folder: Path, name: str = "fit", n: int = 101, **changes: object) -> TrainSpec:
    files = tiny.write(folder / "rows", tiny.rows(n), [n // 2, n - n // 2])
    task = TwoTowerTask(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)
    return replace(TrainSpec(task, files, str(folder / name / "checkpoints"), str(folder / name), PARAMS), **changes)


def _weights(folder: Path) -> dict[str, np.ndarray]:
    return {v.path: np.asarray(v) for v in two_tower.load(folder).variables}


def test_training_learns_the_planted_camps(tmp_path: Path) -> None:
    result = train(fit_spec(tmp_path, n=600, params=replace(PARAMS, epochs=12, learning_rate=0.02)))
    test = tiny.rows(300, seed=99)
    arrays = score.load_two_tower(Path(result["model"]))
    users = score.two_tower_users(arrays, test["history"], test["history_age"], test["profile"])
    top = np.argsort(-(users @ arrays["item_vectors"].T), axis=1)[:, :10]
    hits = (top == test["target"][:, None]).any(axis=1)
    some = (test["history"] > 0).any(axis=1)
    # All 20 products are equally popular: any fixed list of ten, the popular one too, finds about half the targets.
    assert hits[some].mean() > 0.95
    assert result["losses"][-1] < result["losses"][0]


def test_result_tells_rows_steps_and_waiting(tmp_path: Path) -> None:
    result = train(fit_spec(tmp_path, expected_rows=101))
    assert (result["rows"], result["steps"], result["rank"], result["ranks"]) == (101, 7, 0, 1)
    assert len(result["losses"]) == 4
    assert 0 <= result["input_wait_seconds"] < result["seconds"]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    whole = train(fit_spec(tmp_path, "whole"))
    stopped = train(fit_spec(tmp_path, "cut", stop_after_epoch=2))
    assert stopped["model"] is None
    assert not (tmp_path / "cut" / "model").exists()
    resumed = train(fit_spec(tmp_path, "cut"))
    assert resumed["losses"] == whole["losses"]
    assert resumed["weights_sha256"] == whole["weights_sha256"] != stopped["weights_sha256"]
    for name, array in _weights(Path(whole["model"])).items():
        np.testing.assert_array_equal(_weights(Path(resumed["model"]))[name], array)


def test_a_half_written_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    whole = train(fit_spec(tmp_path, "whole"))
    train(fit_spec(tmp_path, "cut", stop_after_epoch=2))
    half = tmp_path / "cut" / "checkpoints" / "epoch-0003"
    half.mkdir()
    (half / "variables.safetensors").write_bytes(b"cut off")  # killed before the description was written
    assert train(fit_spec(tmp_path, "cut"))["weights_sha256"] == whole["weights_sha256"]


def test_the_two_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    train(fit_spec(tmp_path))
    kept = sorted(path.name for path in (tmp_path / "fit" / "checkpoints").iterdir())
    assert kept == ["epoch-0003", "epoch-0004"]


@pytest.mark.parametrize("change", ["params", "catalogue", "rows"])
def test_a_checkpoint_of_another_fit_is_refused(tmp_path: Path, change: str) -> None:
    spec = fit_spec(tmp_path, stop_after_epoch=1)
    train(spec)
    other = {
        "params": lambda: replace(spec, params=replace(PARAMS, learning_rate=0.5)),
        "catalogue": lambda: replace(spec, task=replace(spec.task, catalogue=tiny.catalogue(seed=7))),
        "rows": lambda: fit_spec(tmp_path, n=90),
    }[change]()
    with pytest.raises(CheckpointError, match="other parameters, ranks or data"):
        train(other)


def test_a_stored_catalogue_gives_the_same_fit_and_another_one_is_another_fit(tmp_path: Path) -> None:
    def stored(seed: int) -> StoredCatalogue:
        uri = (tmp_path / f"catalogue-{seed}").as_uri()
        return StoredCatalogue(uri, save_arrays(uri, tiny.catalogue(seed=seed).arrays(), {}))

    spec = fit_spec(tmp_path, "held", stop_after_epoch=1)
    own = fit_spec(tmp_path, "stored", stop_after_epoch=1)
    held, read = train_many([spec, replace(own, task=replace(own.task, catalogue=stored(0)))])
    assert held["weights_sha256"] == read["weights_sha256"]
    with pytest.raises(CheckpointError, match="other parameters, ranks or data"):
        train(replace(own, task=replace(own.task, catalogue=stored(7))))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, again = train_many([fit_spec(tmp_path, "a"), fit_spec(tmp_path, "b")])
    other = train(fit_spec(tmp_path, "c", params=replace(PARAMS, seed=18)))
    assert first["weights_sha256"] == again["weights_sha256"] != other["weights_sha256"]


@pytest.mark.parametrize("column", ["profile", "weight"])
def test_a_loss_that_is_not_finite_stops_the_fit(tmp_path: Path, column: str) -> None:
    rows = tiny.rows(64)
    rows[column][40] = math.nan
    with pytest.raises(TrainingError, match=r"nan.* at step 0 .*NaN in the training rows"):
        train(replace(fit_spec(tmp_path), files=tiny.write(tmp_path / "bad", rows, [64])))
    assert not (tmp_path / "fit" / "model").exists()


def test_other_rows_than_expected_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="hold 101 rows, the table has 102"):
        train(fit_spec(tmp_path, expected_rows=102))


def test_a_gpu_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gpu: one_per_rank, but rank 0 finds 0 GPUs"):
        train(fit_spec(tmp_path, params=replace(PARAMS, gpu="one_per_rank")))


@pytest.mark.parametrize("loss", ["in_batch", "full"])
def test_mixed_precision_trains_to_nearly_the_same_loss(tmp_path: Path, loss: str) -> None:
    task = TwoTowerTask(replace(tiny.PARAMS, loss=loss), tiny.catalogue(), tiny.N_PROFILE)
    plain = train(fit_spec(tmp_path, "plain", task=task))
    mixed = train(fit_spec(tmp_path, "mixed", task=task, params=replace(PARAMS, mixed_precision=True)))
    assert mixed["weights_sha256"] != plain["weights_sha256"]
    assert mixed["losses"][-1] == pytest.approx(plain["losses"][-1], rel=0.03)


def test_no_specs_no_fits() -> None:
    assert train_many([]) == []
