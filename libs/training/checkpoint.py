"""Checkpoints of a fit at a URI: one folder an epoch, complete or absent, the two newest kept: one may come to harm.

A store cannot rename a folder: the arrays are written first, their description with its checksums last, and a folder
without one is no checkpoint. That of a finished fit stays until its model is recorded, so that fits launched together
and cut short do not all start again.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow import fs

from libs.errors import ModelFileError
from libs.models.files import Arrays, read_about, read_arrays, write_arrays
from libs.store import filesystem

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


def save_checkpoint(uri: str, checkpoint: Checkpoint) -> None:
    """Writes `<uri>/epoch-NNNN`, then drops all but it and the one before."""
    store, root = filesystem(uri)
    folder = f"{root}/epoch-{checkpoint.epoch:04d}"
    if store.get_file_info(folder).type == fs.FileType.Directory:
        store.delete_dir(folder)
    store.create_dir(folder, recursive=True)
    about = {"epoch": checkpoint.epoch, "losses": checkpoint.losses, "fingerprint": checkpoint.fingerprint}
    with tempfile.TemporaryDirectory(prefix="reasonrec-checkpoint-") as local:
        write_arrays(Path(local), _NAME, {_PART: checkpoint.state}, about)
        description = f"{_NAME}.json"
        for path in sorted(Path(local).iterdir(), key=lambda path: path.name == description):
            fs.copy_files(str(path), f"{folder}/{path.name}", fs.LocalFileSystem(), store)
    for other in _epochs(store, root)[:-2]:
        store.delete_dir(other)


def load_latest(uri: str, expected: str) -> Checkpoint | None:
    """The newest checkpoint whose bytes are those that were written, or None; a damaged one is warned of.

    Raises:
        CheckpointError: it was written with other parameters, ranks or data.
    """
    store, root = filesystem(uri)
    for folder in reversed(_epochs(store, root)):
        at = f"{uri.rstrip('/')}/{folder.rsplit('/', 1)[1]}"
        with tempfile.TemporaryDirectory(prefix="reasonrec-checkpoint-") as local:
            fs.copy_files(folder, local, store, fs.LocalFileSystem())
            try:
                about, state = read_about(Path(local), _NAME), read_arrays(Path(local), _NAME, _PART)
            except ModelFileError as error:
                told = str(error).replace(local, at)
                logger.warning("checkpoint is damaged, the one before it is used, or none: %s", told)
                continue
        if about["fingerprint"] != expected:
            raise CheckpointError(f"{at}: written with other parameters, ranks or data; remove it to train afresh")
        return Checkpoint(about["epoch"], about["losses"], state, about["fingerprint"])
    return None


def _epochs(store: fs.FileSystem, root: str) -> list[str]:
    """Paths of the folders `epoch-NNNN`, oldest first."""
    found = store.get_file_info(fs.FileSelector(root, allow_not_found=True))
    return sorted(one.path for one in found if one.type == fs.FileType.Directory and one.base_name.startswith("epoch-"))
