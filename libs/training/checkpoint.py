"""Checkpoints of a fit at a URI: one folder per epoch; the two newest are kept in case one is damaged.

An object store cannot rename a folder, so the arrays are written first and their description with the checksums last: a
folder without a description is not a checkpoint. The checkpoint of a finished fit stays until its model is recorded, so
that fits launched together and interrupted do not all start again.
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
    """A checkpoint belongs to another fit."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A fit after `epoch` epochs, which is also the reader's position: an epoch's batches depend on its number only.

    Attributes:
        epoch: number of finished epochs.
        losses: one per epoch.
        state: every variable of model and optimizer, by its position.
        fingerprint: identifies parameters, ranks and data.
    """

    epoch: int
    losses: list[float]
    state: Arrays
    fingerprint: str


def fingerprint(about: Any, arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 (hex) over JSON-serialisable `about` and over arrays with their names, types and shapes."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape};".encode())
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()


def save_checkpoint(uri: str, checkpoint: Checkpoint) -> None:
    """Writes `<uri>/epoch-NNNN`, then deletes all but the two newest checkpoints."""
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
    for older in _epochs(store, root)[:-2]:
        store.delete_dir(older)


def load_latest(uri: str, expected: str) -> Checkpoint | None:
    """The newest checkpoint that is intact, or None; logs a warning for each damaged one.

    Raises:
        CheckpointError: it was written with other parameters, ranks or data (its fingerprint is not `expected`).
    """
    store, root = filesystem(uri)
    for folder in reversed(_epochs(store, root)):
        checkpoint_uri = f"{uri.rstrip('/')}/{folder.rsplit('/', 1)[1]}"
        with tempfile.TemporaryDirectory(prefix="reasonrec-checkpoint-") as local:
            fs.copy_files(folder, local, store, fs.LocalFileSystem())
            try:
                about, state = read_about(Path(local), _NAME), read_arrays(Path(local), _NAME, _PART)
            except ModelFileError as error:
                message = str(error).replace(local, checkpoint_uri)
                logger.warning("checkpoint is damaged, falling back to the one before it, if any: %s", message)
                continue
        if about["fingerprint"] != expected:
            raise CheckpointError(
                f"{checkpoint_uri}: written with other parameters, ranks or data; remove it to train from the start"
            )
        return Checkpoint(about["epoch"], about["losses"], state, about["fingerprint"])
    return None


def _epochs(store: fs.FileSystem, root: str) -> list[str]:
    """Paths of the folders `epoch-NNNN`, oldest first."""
    infos = store.get_file_info(fs.FileSelector(root, allow_not_found=True))
    folders = [info for info in infos if info.type == fs.FileType.Directory]
    return sorted(folder.path for folder in folders if folder.base_name.startswith("epoch-"))
