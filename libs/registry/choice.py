"""Which model a job as of a day may use. Pure logic over rows of `training.models`; standard library only."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any


class ModelNotFound(Exception):
    """No model may score this day; one line that says which, and the fix."""


def choose_model(
    rows: Iterable[Mapping[str, Any]], as_of: date, max_age_days: int | None = None, *, shop: str, model: str
) -> Mapping[str, Any]:
    """The newest model of record that saw nothing at or after `as_of`.

    Args:
        rows: of `training.models`, with at least shop, model, version, train_cutoff (a date: the model was fitted on
            what was known before it).
        as_of: the day to be scored.
        max_age_days: refuse a model whose cutoff is more days than this before `as_of`; None takes any.
        shop: rows of other shops are left out.
        model: the model's name; rows of others are left out.

    Returns:
        The row with the greatest train_cutoff at or before `as_of`; of several, the greatest version.

    Raises:
        ModelNotFound: there is none, or the newest is too old.
    """
    fix = f"train first: reasonrec run training.{model} --shop {shop} --end {as_of} --train"
    usable = [
        row for row in rows if row["shop"] == shop and row["model"] == model and row["train_cutoff"] <= as_of
    ]  # fmt: skip
    if not usable:
        raise ModelNotFound(f"shop {shop}: no {model} model with a train_cutoff at or before {as_of}; {fix}")
    best = max(usable, key=lambda row: (row["train_cutoff"], row["version"]))
    age = (as_of - best["train_cutoff"]).days
    if max_age_days is not None and age > max_age_days:
        raise ModelNotFound(
            f"shop {shop}: the newest {model} model for {as_of} is {age} days old, the limit is {max_age_days}; {fix}"
        )
    return best


def weights_checksum(folder: Path) -> str:
    """SHA-256 (hex) over the names and bytes of all files below a model folder, whatever order they are listed in.

    Raises:
        FileNotFoundError: the folder is absent or holds no file.
    """
    paths = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise FileNotFoundError(f"{folder}: no model files")
    digest = hashlib.sha256()
    for name, path in paths:
        with path.open("rb") as stream:
            digest.update(f"{name}\n{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
