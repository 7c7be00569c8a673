"""Alarms: what an operator should know, what to do about it, and the ways it is told: a webhook, an e-mail.

An alarm names tables, jobs, days and figures, never a user or a secret. Telling it has bounded tries and time-outs and
never fails the run: what cannot be told is logged, and the alarm stands in quality.alarms all the same.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Literal
from zoneinfo import ZoneInfo

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from libs.alarm_conf import AlarmsConf, EmailConf
from libs.shop_conf import ShopConf

WEBHOOK, WEBHOOK_TOKEN, SMTP_PASSWORD = (
    "REASONREC_ALARM_WEBHOOK",
    "REASONREC_ALARM_WEBHOOK_TOKEN",
    "REASONREC_SMTP_PASSWORD",
)

Kind = Literal[
    "missing_day",
    "empty_day",
    "repeated_day",
    "volume",
    "freshness",
    "quarantine_rate",
    "null_rate",
    "drift",
    "failed_job",
    "failed_gate",
    "stale_models",
    "late_release",
]

ACTIONS: dict[Kind, str] = {
    "missing_day": "Bring them in: `reasonrec run ingest --start FIRST --end THE_DAY_AFTER`, then run tonight again.",
    "empty_day": "Ask the shop for the day's delivery. If it was closed, add the day to closed_days in its YAML.",
    "repeated_day": "Ask the shop for the right delivery, put it in place and run the day again: it replaces the copy.",
    "volume": "Look whether the delivery is whole, or holds rows twice; run the day again once it is mended.",
    "freshness": "The delivery ends early: ask the shop for the rest of the day and run the day again.",
    "quarantine_rate": "quality.quarantine has the reasons: mend the delivery or its mapping, then run the day again.",
    "null_rate": "Look whether the source still fills the column and the mapping still names it; run the day again.",
    "drift": "Look whether the unit, the currency or the mapping of the column changed; run the day again once mended.",
    "failed_job": "Read its error in quality.job_runs and the log, mend what it names, then run the same window again.",
    "failed_gate": "Nothing was published. Look at quality.audits and quality.gate_results, mend it, run again.",
    "stale_models": "Find out why training failed (quality.job_runs), then run the group `training` with --train.",
    "late_release": "See `reasonrec status` for how far the night came; if nothing ran, look at the scheduler.",
}


@dataclass(frozen=True)
class Alarm:
    """subject: the table, job or release it is about. message: what was found, in one line."""

    kind: Kind
    subject: str
    message: str

    @property
    def action(self) -> str:
        return ACTIONS[self.kind]


def due_day(shop: ShopConf, now: datetime) -> date | None:
    """The newest day whose release must be there at the instant `now`; None where the shop sets no publish_by."""
    if shop.publish_by is None:
        return None
    local = now.astimezone(ZoneInfo(shop.timezone))
    return local.date() if local.time() >= shop.publish_by else local.date() - timedelta(days=1)


def late_release(shop: ShopConf, as_of: date, now: datetime) -> Alarm | None:
    """The alarm where today's release is published only after publish_by; an older day is a backfill, never late."""
    today = now.astimezone(ZoneInfo(shop.timezone)).date()
    if as_of != today or due_day(shop, now) != today:
        return None
    return Alarm("late_release", str(as_of), f"the lists for {as_of} were published after {_clock(shop)}")


def missing_release(shop: ShopConf, newest: date | None, now: datetime) -> Alarm | None:
    """The alarm where a release that is due is not there at all; `newest` is the newest published day."""
    due = due_day(shop, now)
    if due is None or (newest is not None and newest >= due):
        return None
    told = f"the newest are for {newest}" if newest else "none were ever published"
    return Alarm("late_release", str(due), f"the lists for {due} are not there, due by {_clock(shop)}: {told}")


def _clock(shop: ShopConf) -> str:
    return f"{shop.publish_by:%H:%M} {shop.timezone}"


def send(alarms: Sequence[Alarm], conf: AlarmsConf, about: Mapping[str, str]) -> None:
    """Tells alarms together, by each way that conf or the environment names; a way that fails is logged.

    Args:
        about: shop, run_id and as_of, told with them.
    """
    if not alarms:
        return
    webhook = os.environ.get(WEBHOOK, conf.webhook)
    ways: dict[str, Callable[[], None]] = {}
    if webhook:
        ways["webhook"] = lambda: _post(webhook, alarms, conf, about)
    if (email := conf.email) is not None:
        ways["e-mail"] = lambda: _mail(email, alarms, conf, about)
    for name, tell in ways.items():
        try:
            tell()
        except Exception as error:
            # Its name alone: the text may hold an address that is a secret.
            logging.getLogger("reasonrec").error("alarms were not told by %s: %s", name, type(error).__name__)


def as_text(alarms: Sequence[Alarm], about: Mapping[str, str]) -> str:
    """The alarms for a person, a paragraph each."""
    head = f"reasonrec, shop {about['shop']}, lists for {about['as_of']}, run {about['run_id']}"
    return "\n\n".join([head, *(f"{one.kind}: {one.subject}\n{one.message}\n{one.action}" for one in alarms)])


def _post(url: str, alarms: Sequence[Alarm], conf: AlarmsConf, about: Mapping[str, str]) -> None:
    """POSTs {shop, run_id, as_of, text, alarms: [{kind, subject, message, action}]}; `text` is what chat tools show."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings of a retry name the address
    listed = [{"kind": a.kind, "subject": a.subject, "message": a.message, "action": a.action} for a in alarms]
    token = os.environ.get(WEBHOOK_TOKEN)
    retry = Retry(conf.attempts - 1, allowed_methods=None, status_forcelist=(408, 429, 500, 502, 503, 504),
                  backoff_factor=0.2, respect_retry_after_header=False)  # fmt: skip
    with requests.Session() as session:
        session.mount(f"{url.split('://')[0]}://", HTTPAdapter(max_retries=retry))
        # A redirect would take the token elsewhere; the answer's body is of no interest, however long it is.
        with session.post(
            url,
            json={**about, "text": as_text(alarms, about), "alarms": listed},
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=conf.timeout_s,
            allow_redirects=False,
            stream=True,
        ) as answer:
            if not answer.ok or answer.is_redirect:
                raise requests.HTTPError(str(answer.status_code))


def _mail(email: EmailConf, alarms: Sequence[Alarm], conf: AlarmsConf, about: Mapping[str, str]) -> None:
    letter = EmailMessage()
    letter["Subject"] = f"reasonrec {about['shop']} {about['as_of']}: {', '.join(sorted({a.kind for a in alarms}))}"
    letter["From"], letter["To"] = email.sender, ", ".join(email.to)
    letter.set_content(as_text(alarms, about))
    for left in reversed(range(conf.attempts)):
        try:
            with smtplib.SMTP(email.host, email.port, timeout=conf.timeout_s) as server:
                if email.starttls:
                    server.starttls(context=ssl.create_default_context())
                if email.user is not None:
                    server.login(email.user, os.environ[SMTP_PASSWORD])
                server.send_message(letter)
            return
        except (OSError, smtplib.SMTPException):
            if not left:
                raise
            time.sleep(0.2 * 2 ** (conf.attempts - left - 1))
