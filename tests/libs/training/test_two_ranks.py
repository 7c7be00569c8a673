"""Two real Horovod ranks on this machine, one launch for all checks: a start of TensorFlow costs more than the fits."""

import os
from pathlib import Path
from typing import Any

import pytest

from libs.models import two_tower
from libs.training.spec import TrainParams, TrainSpec
from libs.training.two_tower_task import TwoTowerTask
from tests.libs.models import tiny

ROOT = Path(__file__).resolve().parents[3]


def _fits(specs: list[TrainSpec]) -> list[dict[str, Any]]:
    from libs.training.loop import train_many

    return train_many(specs)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """For each fit, the results of both ranks."""
    from horovod.runner import run

    folder = tmp_path_factory.mktemp("ranks")
    rows = tiny.rows(101)
    even, uneven = tiny.write(folder / "even", rows, [51, 50]), tiny.write(folder / "uneven", rows, [90, 11])
    whole = tiny.write(folder / "whole", rows, [101])
    task = TwoTowerTask(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)
    params = TrainParams(epochs=3, batch_size=16)

    def spec(name: str, files: tuple[str, ...] = even, stop: int | None = None) -> TrainSpec:
        at = folder / name
        return TrainSpec(task, files, (at / "checkpoints").as_uri(), str(at), params, 101, stop)

    specs = {
        "first": spec("first"),
        "again": spec("again"),
        "uneven": spec("uneven_fit", uneven),
        "whole": spec("whole_fit", whole),
        "stopped": spec("cut", stop=1),
        "resumed": spec("cut"),
    }
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.setenv("OMP_NUM_THREADS", "1")
        by_rank = run(_fits, args=(list(specs.values()),), num_proc=2, use_gloo=True, hosts="localhost:2")
    return {name: [ranks[place] for ranks in by_rank] for place, name in enumerate(specs)}


def test_both_ranks_end_with_equal_weights(results: dict[str, list[dict[str, Any]]]) -> None:
    for fit in results.values():
        assert [result["rank"] for result in fit] == [0, 1]
        assert fit[0]["weights_sha256"] == fit[1]["weights_sha256"]
        assert fit[0]["losses"] == fit[1]["losses"]


def test_two_ranks_of_one_seed_give_the_same_weights_twice(results: dict[str, list[dict[str, Any]]]) -> None:
    assert results["first"][0]["weights_sha256"] == results["again"][0]["weights_sha256"]


def test_a_resumed_run_on_two_ranks_equals_an_uninterrupted_one(results: dict[str, list[dict[str, Any]]]) -> None:
    assert results["resumed"][0]["weights_sha256"] == results["first"][0]["weights_sha256"]
    assert results["resumed"][0]["losses"] == results["first"][0]["losses"]
    assert results["stopped"][0]["weights_sha256"] != results["first"][0]["weights_sha256"]


def test_unequal_shards_do_not_hang_and_are_read_whole(results: dict[str, list[dict[str, Any]]]) -> None:
    # ceil(101 / (2 * 16)) = 4 steps on either rank.
    for name in ("uneven", "whole"):  # "whole": one row group, which both ranks read
        assert [(result["rows"], result["steps"]) for result in results[name]] == [(101, 4), (101, 4)]


def test_the_written_model_has_the_weights_of_the_ranks(results: dict[str, list[dict[str, Any]]]) -> None:
    from libs.training.checkpoint import fingerprint

    model = two_tower.load(Path(results["first"][0]["model"]))
    assert fingerprint(None, {v.name: v.numpy() for v in model.variables}) == results["first"][0]["weights_sha256"]
