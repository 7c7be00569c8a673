"""Checkpoints of a fit: one folder an epoch, complete or absent, the two newest kept: one may come to harm.

That of a finished fit stays, so that fits launched together and cut short do not all start again.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from libs.models.files import Arrays, ModelFileError, read_about, read_arrays, write_arrays

logger = logging.getLogger(__name__)
_NAME = "state"
_PART = "variables"


class CheckpointError(Exception):
    """A checkpoint that does not belong to the fit that found it."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A fit after `epoch` epochs. The reader's position is the epoch's number, since batches depend on it alone.

    Attributes:
        epoch: epochs done.
        losses: one an epoch.
        state: every variable of model and optimizer by its place.
        fingerprint: of parameters, ranks and data.
    """

    epoch: int
    losses: list[float]
    state: Arrays
    fingerprint: str


def fingerprint(about: Any, arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 (hex) over what JSON can hold and over arrays with their names, types and shapes."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape};".encode())
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()


def _folder(output: Path) -> Path:
    return output / "checkpoints"


def save_checkpoint(output: Path, checkpoint: Checkpoint) -> None:
    """Write `output/checkpoints/epoch-NNNN` by a rename, then drop all but it and the one before."""
    folder = _folder(output)
    final, temporary = folder / f"epoch-{checkpoint.epoch:04d}", folder / f"tmp-{checkpoint.epoch:04d}"
    shutil.rmtree(temporary, ignore_errors=True)
    about = {"epoch": checkpoint.epoch, "losses": checkpoint.losses, "fingerprint": checkpoint.fingerprint}
    write_arrays(temporary, _NAME, {_PART: checkpoint.state}, about)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    for other in sorted(folder.glob("epoch-*"))[:-2]:
        shutil.rmtree(other)


def load_latest(output: Path, expected: str) -> Checkpoint | None:
    """The newest checkpoint whose bytes are those that were written, or None; a damaged one is warned of.

    Raises:
        CheckpointError: it was written with other parameters, ranks or data.
    """
    for folder in sorted(_folder(output).glob("epoch-*"), reverse=True):
        try:
            about, state = read_about(folder, _NAME), read_arrays(folder, _NAME, _PART)
        except ModelFileError as error:
            logger.warning("checkpoint is damaged, the one before it is used, or none: %s", error)
            continue
        if about["fingerprint"] != expected:
            raise CheckpointError(f"{folder}: written with other parameters, ranks or data; remove it to train afresh")
        return Checkpoint(about["epoch"], about["losses"], state, about["fingerprint"])
    return None
