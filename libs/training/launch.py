"""What a Horovod rank is sent to do: fit, then put the weights where the model of record says they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from libs.training.spec import TrainSpec


def fit_and_store(specs: Sequence[TrainSpec], uris: Sequence[str], stall_timeout_s: float) -> list[dict[str, Any]]:
    """Runs the fits on this rank; rank 0 copies each model to its URI.

    Returns:
        `loop.train_many`'s rows; on rank 0 with `checksum`, that of the stored folder.
    """
    from libs.training.loop import train_many
    from libs.training.weights import save_folder

    results = train_many(specs, stall_timeout_s)
    for result, uri in zip(results, uris, strict=True):
        if result["rank"] == 0:
            result["checksum"] = save_folder(Path(result["model"]), uri)
    return results
