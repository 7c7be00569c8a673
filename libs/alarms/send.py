"""How alarms are sent: a webhook, an e-mail.

Sending has bounded tries and time-outs and never fails the run: what cannot be sent is logged, and the alarm stands in
quality.alarms all the same.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from urllib3.util import Retry

from libs.alarms.alarm import Alarm
from libs.conf.alarms import AlarmsConf, EmailConf

WEBHOOK, WEBHOOK_TOKEN, SMTP_PASSWORD = (
    "REASONREC_ALARM_WEBHOOK",
    "REASONREC_ALARM_WEBHOOK_TOKEN",
    "REASONREC_SMTP_PASSWORD",
)


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

    def deliver() -> None:
        with smtplib.SMTP(email.host, email.port, timeout=conf.timeout_s) as server:
            if email.starttls:
                server.starttls(context=ssl.create_default_context())
            if email.user is not None:
                server.login(email.user, os.environ[SMTP_PASSWORD])
            server.send_message(letter)

    Retrying(
        retry=retry_if_exception_type((OSError, smtplib.SMTPException)),
        stop=stop_after_attempt(conf.attempts),
        wait=wait_exponential(0.2),  # 0.2 s, then twice as long each time
        reraise=True,
    )(deliver)
