"""What is to be fitted and how. Imports neither TensorFlow nor Horovod, so that a Spark driver can describe a fit."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from libs.models.files import Arrays

Batch = dict[str, NDArray[Any]]  # columns of equal length


class TrainingDataError(Exception):
    """Training files that cannot be read as they should; the message says which and what to do."""


class Task(Protocol):
    """What is trained.

    Attributes:
        columns: of the training rows, all that a batch holds.
    """

    params: Any  # a dataclass
    columns: tuple[str, ...]

    def check(self, batch: Batch) -> None:
        """Raise TrainingDataError for rows that the model cannot be fitted on."""

    def build(self, seed: int, dtype: str) -> Any:
        """The model with fresh weights."""

    def save(self, model: Any, folder: Path) -> None:
        """Write the model."""

    def fingerprint(self) -> Arrays:
        """Arrays that, with `params`, say whether a checkpoint belongs to this task."""


@dataclass(frozen=True)
class TrainParams:
    """How a model is fitted. `batch_size` is rows a rank and step; a learning rate is that of one rank.

    Small data wants few steps: below some 20,000 rows, batches of 128 and a learning rate of 1e-3 ranked better.
    """

    epochs: int = 8
    batch_size: int = 512
    learning_rate: float = 2e-3  # times the number of ranks at its peak; cosine decay to 0
    warmup_share: float = 0.1  # of all steps
    clip_norm: float = 5.0
    seed: int = 17
    buffer_rows: int = 500_000
    gpu: Literal["none", "one_per_rank"] = "none"
    mixed_precision: bool = False


@dataclass(frozen=True, eq=False)
class TrainSpec:
    """One fit.

    Attributes:
        task: what to build.
        files: the live Parquet files of one table snapshot, as `df.inputFiles()` names them, equal on all ranks.
        checkpoints: URI of a folder of this fit alone; rank 0 may be on another machine when the fit is run again.
        output: local folder, where a rank stages its rows and rank 0 writes `model`; `launch.fit_and_store` gives each
            rank one of its own.
        expected_rows: rows the snapshot has, where known; compared with the files' footers.
        stop_after_epoch: end early, checkpoint kept and no model written: for tests of resuming.
    """

    task: Task
    files: tuple[str, ...]
    checkpoints: str
    output: str = ""
    params: TrainParams = field(default_factory=TrainParams)
    expected_rows: int | None = None
    stop_after_epoch: int | None = None
