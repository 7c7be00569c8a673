"""Describes a fit. Imports neither TensorFlow nor Horovod, so that a Spark driver can create a spec."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from libs.models.files import Arrays

Batch = dict[str, NDArray[Any]]  # columns of equal length


class TrainingDataError(Exception):
    """Training files that cannot be read as they should; the message says which and what to do."""


class Task(Protocol):
    """A model that the training loop can train.

    Attributes:
        columns: the columns of the training rows that a batch holds.
    """

    params: Any  # a dataclass
    columns: tuple[str, ...]

    def check(self, batch: Batch) -> None:
        """Raise TrainingDataError for rows that the model cannot be fitted on."""

    def build(self, seed: int, dtype: str) -> Any:
        """The model with freshly initialised weights."""

    def save(self, model: Any, folder: Path) -> None:
        """Writes the model."""

    def fingerprint(self) -> Arrays:
        """Arrays that, together with `params`, show whether a checkpoint belongs to this task."""


@dataclass(frozen=True)
class TrainParams:
    """How a model is fitted. `batch_size` is in rows per rank and step; `learning_rate` is that of one rank.

    Tune for small data: below about 20,000 rows, batches of 128 and a learning rate of 1e-3 ranked better.
    """

    epochs: int = 8
    batch_size: int = 512
    learning_rate: float = 2e-3  # the peak is this times the number of ranks; cosine decay to 0
    warmup_share: float = 0.1  # share of all steps
    clip_norm: float = 5.0
    seed: int = 17
    buffer_rows: int = 500_000
    gpu: Literal["none", "one_per_rank"] = "none"
    mixed_precision: bool = False


@dataclass(frozen=True, eq=False)
class TrainSpec:
    """One fit.

    Attributes:
        task: the model to build.
        files: the live Parquet files of one table snapshot, as `df.inputFiles()` names them; the same on all ranks.
        checkpoints: URI of a folder for this fit only; shared, since a rerun may have rank 0 on another machine.
        output: local folder where a rank stages its rows and rank 0 writes `model`; `launch.fit_and_store` gives each
            rank a folder of its own.
        expected_rows: rows of the snapshot if known; compared with the files' footers.
        stop_after_epoch: stop early, keep the checkpoint and write no model; for tests of resuming.
    """

    task: Task
    files: tuple[str, ...]
    checkpoints: str
    output: str = ""
    params: TrainParams = field(default_factory=TrainParams)
    expected_rows: int | None = None
    stop_after_epoch: int | None = None
