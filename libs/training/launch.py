"""What a Horovod rank is sent to do: fit, then put the weights where the model of record says they are."""

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

    What the rank keeps on local disk, staged rows and models, is gone when it ends, however it ends.

    Args:
        stall_timeout_s: end this process when a step, or what lies between two, takes longer. Where one rank hangs all
            stand still, so all end: Horovod's launcher on Spark ends none of them.

    Returns:
        `loop.train_many`'s rows; on rank 0 with `checksum`, that of the stored folder.
    """
    from libs.registry.weights import save_folder
    from libs.training.loop import train_many

    with (
        tempfile.TemporaryDirectory(prefix="reasonrec-fit-", ignore_cleanup_errors=True) as folder,
        watchdog(stall_timeout_s, folder) as moved,
    ):
        own = [replace(spec, output=f"{folder}/{number}") for number, spec in enumerate(specs)]
        results = train_many(own, moved)
        for result, uri in zip(results, uris, strict=True):
            moved()
            if result["rank"] == 0:
                result["checksum"] = save_folder(Path(result["model"]), uri)
    return results
