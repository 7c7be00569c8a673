"""Model folders at a URI (libs.store): a local disk or an object store. No Spark, no TensorFlow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyarrow import fs

from libs.errors import ModelFileError
from libs.models.files import Arrays, read_about, read_arrays, write_arrays
from libs.models.score import MODEL, SERVING
from libs.registry.choice import weights_checksum
from libs.store import filesystem, is_store


def model_uri(warehouse: str, shop: str, model: str, version: str) -> str:
    """The URI of a model's files: `<warehouse>/models/<shop>/<model>/<version>`."""
    return f"{warehouse.rstrip('/')}/models/{shop}/{model}/{version}"


def checkpoints_uri(warehouse: str, shop: str, fit: str = "") -> str:
    """The folder where a fit (or all fits of a shop) keeps checkpoints until the model is recorded."""
    return f"{warehouse.rstrip('/')}/checkpoints/{shop}/{fit}".rstrip("/")


def save_folder(folder: Path, uri: str) -> str:
    """Copies a local model folder to `uri`; returns its checksum (`weights_checksum`). A rerun replaces the files."""
    store, path = filesystem(uri)
    store.create_dir(path, recursive=True)
    fs.copy_files(str(folder.resolve()), path, fs.LocalFileSystem(), store)
    return weights_checksum(folder)


@contextmanager
def fetched_folder(uri: str, checksum: str | None) -> Iterator[Path]:
    """A local copy of the model folder at `uri`, deleted afterwards.

    Args:
        uri: `weights_uri` of training.models.
        checksum: of the same row.

    Raises:
        ModelFileError: there is no folder, or its files do not have the checksum of training.models.
    """
    store, path = filesystem(uri)
    if store.get_file_info(path).type != fs.FileType.Directory:
        raise ModelFileError(f"{uri}: no such model folder; train the model again")
    with tempfile.TemporaryDirectory(prefix="reasonrec-model-") as local:
        fs.copy_files(path, local, store, fs.LocalFileSystem())
        folder = Path(local)
        try:
            actual = weights_checksum(folder)
        except FileNotFoundError:
            raise ModelFileError(f"{uri}: holds no model file; train the model again") from None
        if actual != checksum:
            raise ModelFileError(
                f"{uri}: checksum {actual[:12]} differs from that of training.models ({str(checksum)[:12]}):"
                " truncated or swapped; train the model again"
            )
        yield folder


def save_arrays(uri: str, arrays: Arrays, about: Any) -> str:
    """Writes named arrays and `about` (JSON) as a model folder at `uri`; returns its checksum."""
    with tempfile.TemporaryDirectory(prefix="reasonrec-model-") as local:
        write_arrays(Path(local), MODEL, {SERVING: arrays}, about)
        return save_folder(Path(local), uri)


def load_arrays(uri: str, checksum: str | None) -> tuple[Arrays, Any]:
    """(arrays, about) that `save_arrays` wrote.

    Raises:
        ModelFileError: as `fetched_folder`, naming the URI or the file.
    """
    with fetched_folder(uri, checksum) as folder:
        return read_arrays(folder, MODEL, SERVING), read_about(folder, MODEL)


def save_file(path: Path, uri: str) -> None:
    """Copies a local file to `uri` atomically: a reader sees the whole file or none."""
    store, place = filesystem(uri)
    if is_store(uri):  # an object appears once it is whole
        fs.copy_files(str(path.resolve()), place, fs.LocalFileSystem(), store)
        return
    store.create_dir(place.rpartition("/")[0], recursive=True)
    with tempfile.NamedTemporaryFile() as unique:  # two attempts of a task must not write the same file
        part = f"{place}.{Path(unique.name).name}"
    fs.copy_files(str(path.resolve()), part, fs.LocalFileSystem(), store)
    store.move(part, place)


def exists(uri: str) -> bool:
    """Whether there is a file at `uri`."""
    store, path = filesystem(uri)
    return bool(store.get_file_info(path).type == fs.FileType.File)


def remove_folder(uri: str) -> None:
    """Deletes a folder and its content; does nothing if there is none."""
    store, path = filesystem(uri)
    if store.get_file_info(path).type == fs.FileType.Directory:
        store.delete_dir(path)


def sweep_models(warehouse: str, shop: str, versions: Iterable[str], older_than_s: float = 0) -> list[str]:
    """Deletes the folders of a shop's models that are not among `versions`; returns their names.

    Args:
        older_than_s: keep folders written to in the last so many seconds: their fit may not be recorded yet.
    """
    return _sweep(f"{warehouse.rstrip('/')}/models/{shop}", 2, set(versions), older_than_s)


def sweep_checkpoints(warehouse: str, shop: str, older_than_s: float) -> list[str]:
    """Deletes a shop's checkpoints without a write in the last `older_than_s` seconds: their fits never ended."""
    return _sweep(checkpoints_uri(warehouse, shop), 1, set(), older_than_s)


def _sweep(uri: str, depth: int, kept: set[str], older_than_s: float) -> list[str]:
    store, root = filesystem(uri)
    before = time.time() - older_than_s
    everything = store.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    swept = []
    for folder in everything:
        inside = [i for i in everything if i.path.startswith(f"{folder.path}/")]
        level = folder.path.removeprefix(root).count("/")
        if folder.type != fs.FileType.Directory or level != depth or folder.base_name in kept:
            continue
        if all(i.mtime is None or i.mtime.timestamp() < before for i in inside):
            store.delete_dir(folder.path)
            swept.append(folder.base_name)
    return sorted(swept)
