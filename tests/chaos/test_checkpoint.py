"""A damaged checkpoint is detected by its checksum, the one before it is used, and the fit ends with equal weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.training.loop import train
from tests.libs.training.test_loop import fit_spec


@pytest.mark.fault("a training checkpoint truncated", "a training checkpoint swapped")
@pytest.mark.short
@pytest.mark.parametrize("harm", ["truncated", "swapped"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(fit_spec(tmp_path, "whole"))
    train(fit_spec(tmp_path, "cut", stop_after_epoch=3))
    kept = tmp_path / "cut" / "checkpoints"
    newest, before = (kept / name / "variables.safetensors" for name in ("epoch-0003", "epoch-0002"))
    newest.write_bytes(newest.read_bytes()[:-100] if harm == "truncated" else before.read_bytes())
    resumed = train(fit_spec(tmp_path, "cut"))
    assert f"{newest}: checksum differs" in caplog.text
    assert resumed["losses"] == whole["losses"]
    assert resumed["weights_sha256"] == whole["weights_sha256"]
