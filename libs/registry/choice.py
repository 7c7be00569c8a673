"""Which models serve a day. Pure logic over rows of `training.models`; standard library only.

The rule: all models of a night come from the same training. A training day is whole if every model of the catalog has a
record for it, and a day is served by the newest whole training day at or before it. The walk applies the rule once and
passes the training day to the jobs as `Run.train_cutoff`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from libs.errors import OperatorError

Purpose = Literal["record", "backtest"]


class ModelRow(Protocol):
    """A row of training.models: at least model, version, purpose, train_cutoff."""

    def __getitem__(self, column: str, /) -> Any: ...


R = TypeVar("R", bound=ModelRow)


def whole_days(rows: Iterable[ModelRow], models: Collection[str]) -> list[date]:
    """Training days with a record of every model in `models`, oldest first."""
    recorded: dict[date, set[str]] = {}
    for row in rows:
        if row["purpose"] == "record":
            recorded.setdefault(row["train_cutoff"], set()).add(row["model"])
    return sorted(day for day, names in recorded.items() if names.issuperset(models))


def serving_day(days: Iterable[date], as_of: date, max_age_days: int | None = None) -> date | None:
    """The newest training day at or before `as_of`; None if there is none or it is older than `max_age_days`.

    >>> serving_day([date(2014, 6, 2), date(2014, 6, 9), date(2014, 6, 16)], date(2014, 6, 15))
    datetime.date(2014, 6, 9)
    """
    newest = max((day for day in days if day <= as_of), default=None)
    too_old = newest is not None and max_age_days is not None and (as_of - newest).days > max_age_days
    return None if too_old else newest


def models_of(rows: Iterable[R], day: date, purpose: Purpose = "record") -> dict[str, R]:
    """The models of a training day by name; if a model has several fits, the one with the greatest version."""
    fits = (row for row in rows if (row["train_cutoff"], row["purpose"]) == (day, purpose))
    return {row["model"]: row for row in sorted(fits, key=lambda row: (row["model"], row["version"]))}


def serving_models(
    rows: Iterable[R], day: date, as_of: date, max_age_days: int, *, shop: str, needed: Collection[str] = ()
) -> dict[str, R]:
    """The models of record of training day `day`, by name, to compute lists as of `as_of`.

    Raises:
        OperatorError: one of `needed` has no record, or `day` is after `as_of` or too long before it.
    """
    models = models_of(rows, day)
    fix = f"no model of {shop} may be used as of {as_of}: run with --train"
    if missing := sorted(set(needed) - models.keys()):
        raise OperatorError(f"{fix} (training.models has no {', '.join(missing)} of {day})")
    if day > as_of:
        raise OperatorError(f"{fix} (those of {day} have seen what came after)")
    if models and (as_of - day).days > max_age_days:
        raise OperatorError(f"{fix} (those of {day} are older than max_model_age_days={max_age_days})")
    return models


def weights_checksum(folder: Path) -> str:
    """SHA-256 (hex) of the names and bytes of all files below a model folder, independent of listing order.

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
