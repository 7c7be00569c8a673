"""The function that each Horovod rank runs: fits models, then stores weights at the URIs of the models of record."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from libs.training.spec import TrainSpec
from libs.training.watchdog import watchdog


def fit_and_store(specs: Sequence[TrainSpec], uris: Sequence[str], stall_timeout_s: float) -> list[dict[str, Any]]:
    """Runs the fits on this rank; rank 0 copies each model to its URI.

    The rank's files on local disk, staged rows and models, are deleted however the rank ends.

    Args:
        stall_timeout_s: kill this process if a step, or the time between two steps, takes longer. When one rank hangs,
            all of them stall and so all are killed: Horovod's launcher on Spark would end none of them.

    Returns:
        The results of `loop.train_many`; on rank 0 also `checksum`, that of the stored folder.
    """
    from libs.registry.weights import save_folder
    from libs.training.loop import train_many

    with (
        tempfile.TemporaryDirectory(prefix="reasonrec-fit-", ignore_cleanup_errors=True) as folder,
        watchdog(stall_timeout_s, folder) as report_progress,
    ):
        local_specs = [replace(spec, output=f"{folder}/{number}") for number, spec in enumerate(specs)]
        results = train_many(local_specs, report_progress)
        for result, uri in zip(results, uris, strict=True):
            report_progress()
            if result["rank"] == 0:
                result["checksum"] = save_folder(Path(result["model"]), uri)
    return results
