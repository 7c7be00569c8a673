"""A training that fails: all ranks end, no model is recorded, tonight goes out with the models before, and says so."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from jobs.training import two_tower
from libs.job import UserError
from libs.models.files import ModelFileError
from tests.chaos.child import ROOT
from tests.chaos.conftest import MONDAY, NEXT_MONDAY, Shop
from tests.chaos.ranks import Harm, harmed

# A step of these models takes a second at most; the first one, with TensorFlow's tracing, some ten.
STALL_S, LIMIT_S = 60, 240
MARK = "CHAOS_TRAINING"


@pytest.fixture(scope="module")
def due(copies: Callable[[str], Shop]) -> Iterator[Shop]:
    """A week later: training is due, its examples are there."""
    shop = copies("due")
    for job in ("ingest", "features", "training.als", "training.two_tower_examples"):
        shop.run(NEXT_MONDAY, start=MONDAY, job=job)
    shop.horovod = {"stall_timeout_s": STALL_S}
    yield shop
    shutil.rmtree(shop.warehouse.parent, ignore_errors=True)


@pytest.fixture
def fit(due: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], float]:
    """Runs the training with a harmed rank; the seconds until it ended."""

    def run(harm: Harm) -> float:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the ranks import tests.chaos.ranks
        monkeypatch.setenv(MARK, str(os.getpid()))
        monkeypatch.setattr(two_tower, "fit_and_store", harmed(harm))
        started = time.monotonic()
        due.run(NEXT_MONDAY, start=MONDAY, job="training.two_tower")
        return time.monotonic() - started

    return run


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The product's log, which does not propagate once a command has configured it."""
    logger = logging.getLogger("reasonrec")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def ranks() -> list[int]:
    """Processes of ours that still run a rank."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(os.getpid()) and "gloo_exec_fn" in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.fault("a training rank killed", "a training rank hung", "a training rank returning NaN")
@pytest.mark.parametrize("harm", ["killed", "hung", "nan"])
def test_all_ranks_end_and_no_model_is_recorded(
    due: Shop, fit: Callable[[str], float], harm: str, told: pytest.LogCaptureFixture
) -> None:
    interrupt = signal.getsignal(signal.SIGINT)
    assert fit(harm) < LIMIT_S
    assert signal.getsignal(signal.SIGINT) is interrupt
    assert f"training.two_tower failed, models of {MONDAY} are used" in told.text
    assert ranks() == []
    recorded = f"SELECT count(*) FROM training.models WHERE model = 'two_tower' AND train_cutoff = DATE '{NEXT_MONDAY}'"
    assert due.rows(recorded) == [(0,)]


@pytest.mark.fault("training fails past max_model_age")
def test_past_the_greatest_age_of_models_nothing_is_published(due: Shop, fit: Callable[[str], float]) -> None:
    due.env = {"max_model_age_days": 5}
    try:
        with pytest.raises(UserError, match=r"training.two_tower failed .* no models of the last 5 days"):
            fit("nan")
        with pytest.raises(UserError, match=r"days old, the limit is 5"):
            due.run(NEXT_MONDAY, start=MONDAY, job="candidates")
    finally:
        due.env = {}
    assert due.release() == f"{MONDAY}-01"


@pytest.mark.fault("training fails: the models before, marked stale")
def test_tonight_goes_out_with_the_models_before_marked_stale(due: Shop) -> None:
    for group in ("candidates", "results", "publish"):
        due.run(NEXT_MONDAY, start=MONDAY, job=group)
    assert due.release() == f"{NEXT_MONDAY}-01"
    [(stale, models)] = due.rows("SELECT stale, map_values(model_versions) FROM current_release")
    assert stale
    assert models
    assert all(MONDAY in version for version in models)


@pytest.mark.fault("a model's weights truncated or swapped")
def test_damaged_weights_are_named_and_nothing_is_published(shop: Shop) -> None:
    shop.own_weights()
    [weights] = (shop.warehouse / "models" / "corner" / "als").glob(f"als-{MONDAY}-record-*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelFileError, match="truncated or swapped") as told:
        for job in ("ingest", "features", "candidates.als"):
            shop.run("2014-01-07", start=MONDAY, job=job)
    assert weights.parent.name in str(told.value)
    assert shop.release() == f"{MONDAY}-01"
