"""A failed training: all ranks end, no model is recorded, and the release uses earlier models and is marked stale."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.training import rank_fits
from libs.errors import ModelFileError, OperatorError, RankError
from libs.spark import ranks as on_ranks
from libs.spark.ranks import variables
from tests.chaos.child import ROOT
from tests.chaos.conftest import MONDAY, NEXT_MONDAY, Shop
from tests.chaos.ranks import Harm, harmed

# A step of these models takes at most a second; the first one, with TensorFlow's tracing, about ten.
STALL_S, LIMIT_S = 60, 240
MARK = "CHAOS_TRAINING"


@pytest.fixture(scope="module")
def due(copies: Callable[[str], Shop]) -> Iterator[Shop]:
    """A week later, when training is due and its examples exist."""
    shop = copies("due")
    for job in ("ingest", "features", "training.als", "training.two_tower_examples"):
        shop.run(NEXT_MONDAY, start=MONDAY, job=job)
    shop.horovod = {"stall_timeout_s": STALL_S}
    yield shop
    shutil.rmtree(shop.warehouse.parent, ignore_errors=True)


@pytest.fixture
def harm(due: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Harm], None]:
    """A function that makes a rank of every later training in the test fail."""

    def inject(kind: Harm) -> None:
        # PYTHONPATH lets the ranks import tests.chaos.ranks; by MARK the test finds their processes.
        added = {"PYTHONPATH": str(ROOT), MARK: str(os.getpid()), "TMPDIR": str(tmp_path)}
        monkeypatch.setattr(on_ranks, "variables", lambda interface: variables(interface) | added)
        monkeypatch.setattr(rank_fits, "fit_and_store", harmed(kind))

    return inject


def alarms(shop: Shop, run_id: str) -> set[tuple[object, ...]]:
    return set(shop.rows(f"SELECT kind, subject FROM quality.alarms WHERE run_id = '{run_id}'"))


def ranks() -> list[int]:
    """Ids of this test's processes that still run a rank."""
    pids = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(os.getpid()) and "gloo_exec_fn" in " ".join(process.cmdline()):
                pids.append(process.pid)
        except psutil.Error:
            continue
    return pids


@pytest.mark.fault("a training rank killed", "a training rank hung", "a training rank returning NaN")
@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("killed", RankError, "a rank was killed, or its machine is gone"),
        ("hung", RankError, f"rank 1: no step in {STALL_S}"),
        ("nan", RankError, "rank [01]: .*loss"),
    ],
)
def test_all_ranks_end_and_no_model_is_recorded(
    due: Shop, harm: Callable[[Harm], None], kind: Harm, error: type[Exception], message: str, tmp_path: Path
) -> None:
    interrupt, started = signal.getsignal(signal.SIGINT), time.monotonic()
    harm(kind)
    with pytest.raises(error, match=message):
        due.run(NEXT_MONDAY, start=MONDAY, job="training.two_tower")
    assert time.monotonic() - started < LIMIT_S
    assert signal.getsignal(signal.SIGINT) is interrupt
    assert ranks() == []
    while list(tmp_path.glob("reasonrec-fit-*")):  # the watchdog of a killed rank outlives it for a moment
        assert time.monotonic() - started < LIMIT_S
        time.sleep(0.1)
    recorded = f"SELECT count(*) FROM training.models WHERE model = 'two_tower' AND train_cutoff = DATE '{NEXT_MONDAY}'"
    assert due.rows(recorded) == [(0,)]
    [(run_id, status)] = due.rows(
        "SELECT run_id, status FROM quality.job_runs WHERE job = 'training.two_tower' ORDER BY started_at DESC LIMIT 1"
    )
    assert status == "failed"
    assert alarms(due, str(run_id)) == {("failed_job", "training.two_tower")}


@pytest.mark.fault("training fails past max_model_age")
def test_past_the_greatest_age_of_models_nothing_is_published(due: Shop, harm: Callable[[Harm], None]) -> None:
    due.env = {"max_model_age_days": 5}
    harm("nan")
    try:
        with pytest.raises(OperatorError, match=r"training.two_tower failed .* no models of the last 5 days"):
            due.run(NEXT_MONDAY, start=MONDAY)
        with pytest.raises(OperatorError, match=r"older than max_model_age_days=5"):
            due.run(NEXT_MONDAY, start=MONDAY, job="candidates")
    finally:
        due.env = {}
    assert due.release() == f"{MONDAY}-01"


@pytest.mark.fault("training fails: the models before, marked stale")
@pytest.mark.parametrize("attempt", [1, 2], ids=["group by group", "in one process"])
def test_tonight_goes_out_with_the_models_before_marked_stale(
    due: Shop, harm: Callable[[Harm], None], attempt: int
) -> None:
    harm("nan")
    for job in ("candidates", "results", "publish") if attempt == 1 else ("daily",):
        done = due.run(NEXT_MONDAY, start=MONDAY, job=job)
    assert due.release() == f"{NEXT_MONDAY}-0{attempt}"
    [(stale, models)] = due.rows("SELECT stale, map_values(model_versions) FROM current_release")
    assert stale
    assert models
    assert all(MONDAY in version for version in models)
    assert "stale_models" in {kind for kind, _ in alarms(due, done.run_id)}


@pytest.mark.fault("a model's weights truncated or swapped")
def test_damaged_weights_are_named_and_nothing_is_published(shop: Shop) -> None:
    shop.use_copied_weights()
    [weights] = (shop.warehouse / "models" / "corner" / "als").glob(f"als-{MONDAY}-record-*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelFileError, match="truncated or swapped") as error:
        for job in ("ingest", "features", "candidates.als"):
            shop.run("2014-01-07", start=MONDAY, job=job)
    assert weights.parent.name in str(error.value)
    assert shop.release() == f"{MONDAY}-01"
