"""Which alarms a night raises: a job that failed, a gate that did not hold, stale models, a release that is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from libs.alarms.alarm import Alarm, late_release
from libs.alarms.send import send
from libs.conf import Conf
from libs.errors import GateError, OperatorError
from libs.job import Run
from libs.logs import visible


def of_failure(job: str, error: BaseException) -> Alarm:
    """Words of our own errors are told; another's text may quote a row, so only its name is."""
    told = f"{type(error).__name__}, see its row"
    if isinstance(error, OperatorError):
        told = visible(str(error).splitlines()[0])
    return Alarm("failed_gate" if isinstance(error, GateError) else "failed_job", job, told)


def of_release(run: Run, now: datetime) -> list[Alarm]:
    """What is to be said of a release that has just been published."""
    shop = run.conf.shop
    assert shop is not None
    found = []
    if run.stale:
        age = (run.window.as_of - run.train_cutoff).days
        told = f"models of {run.train_cutoff} are used, {age} days old; from {run.conf.env.max_model_age_days} days on"
        found.append(Alarm("stale_models", run.release_id, f"{told} nothing is published"))
    late = late_release(shop, run.window.as_of, now)
    return [*found, late] if late else found


def raise_alarms(conf: Conf, run_id: str, as_of: date, alarms: Sequence[Alarm]) -> list[tuple[object, ...]]:
    """Sends the alarms; gives their rows of quality.alarms."""
    assert conf.shop is not None
    shop, now = conf.shop.name, datetime.now(UTC)
    send(alarms, conf.env.alarms, {"shop": shop, "run_id": run_id, "as_of": str(as_of)})
    return [(shop, run_id, as_of, one.kind, one.subject, one.message, one.action, now) for one in alarms]


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """The text without the values that must not be seen, should an error quote one."""
    for value in secrets.values():
        text = text.replace(value, "***")
    return text
