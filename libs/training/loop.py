"""The training loop that each Horovod rank runs, for any task: `horovod.spark.run(train_many, args=(specs,), ...)`.

A task's model is a Keras model with `training_loss(batch, seed) -> scalar`. Randomness depends on (seed, rank, step)
only, so a resumed run gives the same weights, bit for bit, as an uninterrupted one.
"""

import logging
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import horovod.tensorflow as hvd
import keras
import numpy as np
import tensorflow as tf
from horovod.spark.task import get_available_devices

from libs.models.files import Arrays
from libs.training.checkpoint import Checkpoint, fingerprint, load_latest, save_checkpoint
from libs.training.reader import ShardBatches, inspect_files, steps_per_epoch
from libs.training.spec import TrainingDataError, TrainParams, TrainSpec
from libs.training.staging import stage

logger = logging.getLogger(__name__)
tf.get_logger().setLevel(logging.ERROR)  # TensorFlow warns that retracing is slow, but each fit has to retrace


class TrainingError(Exception):
    """A fit whose model must not be used: the loss is not finite, rows are lost, or the ranks disagree."""


def start_runtime(params: TrainParams) -> None:
    """Sets up Horovod, one thread, determinism and the rank's GPU; call it before anything else uses TensorFlow.

    Raises:
        TrainingError: conf asks for a GPU per rank and this rank has none.
    """
    hvd.init()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # TensorFlow is already initialised in this process
        if tf.config.threading.get_intra_op_parallelism_threads() != 1:
            logger.warning("TensorFlow was started with several threads: this fit may not be bit-equal to others")
    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU") if params.gpu == "one_per_rank" else []
    if params.gpu == "one_per_rank":
        index = gpu_index(get_available_devices(), hvd.local_rank())
        if index >= len(gpus):
            raise TrainingError(
                f"gpu: one_per_rank, but rank {hvd.rank()} finds {len(gpus)} GPUs and needs number {index};"
                " set gpu: none"
            )
        tf.config.experimental.set_memory_growth(gpus[index], True)
        tf.config.set_visible_devices(gpus[index], "GPU")
    else:
        tf.config.set_visible_devices([], "GPU")


def gpu_index(assigned: Sequence[str], local_rank: int) -> int:
    """The number of a rank's GPU: the one that Spark assigned to its task, since others may use the machine too.

    >>> gpu_index(["1"], 0), gpu_index([], 1)
    (1, 1)
    """
    return int(assigned[0]) if assigned else local_rank


def train(spec: TrainSpec) -> dict[str, Any]:
    """One fit; see `train_many`."""
    return train_many([spec])[0]


def train_many(specs: Sequence[TrainSpec], report_progress: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Runs the fits one after another on this rank; every rank calls it with the same specs.

    The fits share one start of TensorFlow, which costs more than a small fit.

    Args:
        report_progress: called at each step and for each block of rows that is fetched.

    Returns:
        For each spec: `rank`, `ranks`, `rows` (of all ranks in one pass), `steps` (per epoch), `losses` (mean over the
        ranks for each epoch, including epochs before a resume), `weights_sha256`, `seconds`, `input_wait_seconds` (of
        this rank), `model` (folder; None if stopped early).

    Raises:
        TrainingDataError: files cannot be read, or do not have the expected rows.
        TrainingError: the loss is not finite, or the ranks' weights differ.
        CheckpointError: there is a checkpoint of other parameters, ranks or data.
    """
    if not specs:
        return []
    results = []
    start_runtime(specs[0].params)
    for spec in specs:
        results.append(_Fit(spec, report_progress).run())
        keras.utils.clear_session(free_memory=True)  # a traced step keeps its whole fit alive through a cycle
    return results


class _Fit:
    def __init__(self, spec: TrainSpec, report_progress: Callable[[], None]) -> None:
        params = spec.params
        self.spec, self.params, self.report_progress = spec, params, report_progress
        self.staged = Path(spec.output) / f"rows-{hvd.rank()}"
        facts = inspect_files(
            stage(spec.files, hvd.rank(), hvd.size(), self.staged, report_progress), spec.task.columns
        )
        if spec.expected_rows not in (None, facts.rows):
            raise TrainingDataError(f"the files hold {facts.rows} rows, the table has {spec.expected_rows}")
        self.rows = facts.rows
        self.batches = ShardBatches(
            facts, spec.task, hvd.rank(), hvd.size(), params.batch_size, params.seed, buffer_rows=params.buffer_rows
        )
        self.steps = steps_per_epoch(facts.rows, hvd.size(), params.batch_size)
        keras.utils.set_random_seed(params.seed)
        # bfloat16 has the range of float32, so no loss scaling is needed.
        self.model = spec.task.build(params.seed, "mixed_bfloat16" if params.mixed_precision else "float32")
        total = params.epochs * self.steps
        warmup = max(1, int(total * params.warmup_share))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, total - warmup), warmup_target=params.learning_rate * hvd.size(), warmup_steps=warmup
        )
        self.optimizer = keras.optimizers.Adam(rate)
        self.optimizer.build(self.model.trainable_variables)
        self.step = self._traced_step()

    def run(self) -> dict[str, Any]:
        started, waited = time.perf_counter(), 0.0
        epoch, losses = self._restore()
        last = min(self.params.epochs, self.spec.stop_after_epoch or self.params.epochs)
        while epoch < last:
            loss, wait = self._epoch(epoch)
            losses.append(loss)
            waited += wait
            epoch += 1
            logger.info("epoch %d of %d: loss %.5f", epoch, self.params.epochs, loss)
            if hvd.rank() == 0:
                save_checkpoint(self.spec.checkpoints, Checkpoint(epoch, losses, self._state(), self._fingerprint()))
        checksum = self._assert_equal_ranks()
        finished, model = epoch == self.params.epochs, Path(self.spec.output) / "model"
        if finished and hvd.rank() == 0:
            self.spec.task.save(self.model, model)
        shutil.rmtree(self.staged, ignore_errors=True)  # frees the disk before the next fit stages its rows
        return {
            "rank": hvd.rank(),
            "ranks": hvd.size(),
            "rows": self.rows,
            "steps": self.steps,
            "losses": losses,
            "weights_sha256": checksum,
            "seconds": time.perf_counter() - started,
            "input_wait_seconds": waited,
            "model": str(model) if finished else None,
        }

    def _traced_step(self) -> Any:
        model, optimizer, clip = self.model, self.optimizer, self.params.clip_norm
        variables = model.trainable_variables
        values = [variable.value for variable in variables]

        # No AutoGraph: nothing branches on a tensor, and it would leave temporary files behind when a rank is killed.
        @tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator,unused-ignore]
        def step(batch: dict[str, Any], seed: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                loss = model.training_loss(batch, seed)
            # One group, so that the order of summation in the ring does not depend on timing.
            tape = hvd.DistributedGradientTape(tape, sparse_as_dense=True, groups=1)
            gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, values), clip)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return loss, norm

        return step

    def _epoch(self, epoch: int) -> tuple[float, float]:
        """(mean loss over ranks and steps, seconds that this rank waited for input)."""
        total, waited, rank = 0.0, 0.0, hvd.rank()
        clock = time.perf_counter()
        for index, batch in enumerate(self.batches.epoch(epoch)):
            self.report_progress()
            waited += time.perf_counter() - clock
            number = epoch * self.steps + index
            loss, norm = self.step(batch, tf.constant([self.params.seed + 7919 * rank, 2 * number], tf.int32))
            value = float(loss)
            # The norm is that of the all-reduced gradients, so a bad value on one rank stops all ranks at this step.
            if not (math.isfinite(value) and math.isfinite(float(norm))):
                raise TrainingError(
                    f"loss {value}, gradient norm {float(norm)} at step {number} (epoch {epoch + 1}, rank {rank}): "
                    "look for NaN in the training rows, or lower learning_rate"
                )
            total += value
            clock = time.perf_counter()
        read = int(hvd.allreduce(tf.constant(self.batches.own_rows, tf.int64), op=hvd.Sum, name=f"rows.{epoch}"))
        if read != self.rows:
            raise TrainingDataError(f"epoch {epoch + 1}: the ranks read {read} rows, the files hold {self.rows}")
        mean = hvd.allreduce(tf.constant(total / self.steps, tf.float64), op=hvd.Average, name=f"loss.{epoch}")
        return float(mean), waited

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def _state(self) -> Arrays:
        return {f"{place:04d}": np.asarray(variable) for place, variable in enumerate(self._variables())}

    def _fingerprint(self) -> str:
        about = [type(self.spec.task).__name__, asdict(self.spec.task.params), asdict(self.params), hvd.size()]
        return fingerprint([*about, self.rows], self.spec.task.fingerprint())

    def _restore(self) -> tuple[int, list[float]]:
        """Finished epochs and their losses, from rank 0's newest checkpoint. Gives all ranks rank 0's weights."""
        epoch, losses = 0, []
        if hvd.rank() == 0 and (checkpoint := load_latest(self.spec.checkpoints, self._fingerprint())) is not None:
            for place, variable in enumerate(self._variables()):
                variable.assign(checkpoint.state[f"{place:04d}"])
            epoch, losses = checkpoint.epoch, list(checkpoint.losses)
        epoch = int(hvd.broadcast(tf.constant(epoch, tf.int64), root_rank=0, name="epoch"))
        padded = tf.constant((losses + [0.0] * epoch)[:epoch] or [0.0], tf.float64)
        losses = hvd.broadcast(padded, root_rank=0, name="losses").numpy().tolist()[:epoch]
        hvd.broadcast_variables([variable.value for variable in self._variables()], root_rank=0)
        return epoch, losses

    def _assert_equal_ranks(self) -> str:
        digest = fingerprint(None, {v.name: np.asarray(v) for v in self.model.variables})
        row = tf.constant(np.frombuffer(bytes.fromhex(digest), np.uint8)[None, :])
        if (hvd.allgather(row, name="weights").numpy() != row.numpy()).any():
            raise TrainingError("the ranks' weights differ at the end of training; the model is not written")
        return digest
