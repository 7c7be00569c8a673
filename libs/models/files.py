"""Model files: named arrays as safetensors, beside a JSON description with their SHA-256.

Files contain no pickle and no code: a model is built from this repository's classes, then filled with the arrays.
Does not import TensorFlow, so that a Spark worker can read a model without it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from libs.errors import ModelFileError

Arrays = dict[str, NDArray[Any]]
_SUFFIX = ".safetensors"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_arrays(folder: Path, name: str, parts: Mapping[str, Mapping[str, NDArray[Any]]], about: Any) -> None:
    """Writes each part as `<part>.safetensors` and then `<name>.json` with `about` and the parts' checksums.

    Args:
        folder: created if it does not exist; files of the same names are replaced.
        name: name of the description, for example "model".
        parts: part name -> array name -> array of any shape.
        about: any JSON-serialisable value; `read_about` returns it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checksums = {}
    for part, arrays in parts.items():
        path = folder / f"{part}{_SUFFIX}"
        save_file({key: np.asarray(array, order="C") for key, array in sorted(arrays.items())}, path)
        checksums[path.name] = sha256_of(path)
    text = json.dumps({"about": about, "sha256": checksums}, indent=1, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _description(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file; is this a model folder?") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: unreadable ({error}); fetch or train the model again") from error
    if not isinstance(description, dict) or not {"about", "sha256"} <= description.keys():
        raise ModelFileError(f"{path}: lacks 'about' or 'sha256'; fetch or train the model again")
    return description


def read_about(folder: Path, name: str) -> Any:
    """The `about` of `<name>.json`.

    Raises:
        ModelFileError: the file is missing or is not such a description.
    """
    return _description(folder, name)["about"]


def _verify_file(path: Path, expected: str | None) -> None:
    if expected is None:
        raise ModelFileError(f"{path}: not listed in the model's description")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file, but the model's description lists it")
    if sha256_of(path) != expected:
        raise ModelFileError(f"{path}: checksum differs from the model's description (truncated or swapped)")


def verify(folder: Path, name: str) -> None:
    """Compares every part with its checksum.

    Raises:
        ModelFileError: a part is missing, truncated or swapped; the message names the file.
    """
    for file, expected in _description(folder, name)["sha256"].items():
        _verify_file(folder / file, expected)


def read_arrays(folder: Path, name: str, part: str) -> Arrays:
    """The arrays of one part; its bytes are first compared with the checksum in `<name>.json`.

    Raises:
        ModelFileError: the part is missing, truncated or swapped; the message names the file.
    """
    path = folder / f"{part}{_SUFFIX}"
    _verify_file(path, _description(folder, name)["sha256"].get(path.name))
    try:
        arrays: Arrays = load_file(path)
    except SafetensorError as error:
        raise ModelFileError(f"{path}: not a safetensors file ({error})") from error
    return arrays
