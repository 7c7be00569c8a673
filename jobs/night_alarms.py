"""The alarms that a nightly run raises: a failed job, a failed gate, stale models, a late release."""

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
    """The alarm of a failed job. An OperatorError is quoted; any other error only by type: its text may quote a row."""
    message = f"{type(error).__name__}, see its row"
    if isinstance(error, OperatorError):
        message = visible(str(error).splitlines()[0])
    return Alarm("failed_gate" if isinstance(error, GateError) else "failed_job", job, message)


def of_release(run: Run, now: datetime) -> list[Alarm]:
    """The alarms of a release that has just been published: stale models, a late release."""
    shop = run.conf.shop
    assert shop is not None
    alarms = []
    if run.stale:
        age, limit = (run.window.as_of - run.train_cutoff).days, run.conf.env.max_model_age_days
        message = f"models of {run.train_cutoff} are used, {age} days old; from {limit} days on nothing is published"
        alarms.append(Alarm("stale_models", run.release_id, message))
    late = late_release(shop, run.window.as_of, now)
    return [*alarms, late] if late else alarms


def raise_alarms(conf: Conf, run_id: str, as_of: date, alarms: Sequence[Alarm]) -> list[tuple[object, ...]]:
    """Sends the alarms; returns their rows of quality.alarms."""
    assert conf.shop is not None
    shop, now = conf.shop.name, datetime.now(UTC)
    send(alarms, conf.env.alarms, {"shop": shop, "run_id": run_id, "as_of": str(as_of)})
    return [(shop, run_id, as_of, alarm.kind, alarm.subject, alarm.message, alarm.action, now) for alarm in alarms]


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """The text with the values of all secrets masked, in case an error quotes one."""
    for value in secrets.values():
        text = text.replace(value, "***")
    return text
