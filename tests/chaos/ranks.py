"""A function with a faulty Horovod rank; runs on the ranks in place of libs.training.launch.fit_and_store."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

Harm = Literal["killed", "hung", "nan"]


def harmed(harm: Harm) -> Callable[..., list[dict[str, Any]]]:
    """Fits as the product does, but in the first epoch the second rank is killed, stalls, or gets NaN weights."""
    return partial(_fit, harm)


def _fit(harm: Harm, specs: Sequence[Any], uris: Sequence[str], stall_timeout_s: float) -> list[dict[str, Any]]:
    from libs.training import loop
    from libs.training.launch import fit_and_store

    real = loop._Fit._epoch

    def epoch(fit: Any, number: int) -> Any:
        if harm == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if harm == "hung":
            os.kill(os.getpid(), signal.SIGSTOP)
        first = fit.model.trainable_variables[0]
        first.assign(first.value * float("nan"))
        return real(fit, number)

    if os.environ["HOROVOD_RANK"] == "1":
        loop._Fit._epoch = epoch
    return fit_and_store(specs, uris, stall_timeout_s)
