"""`alarms:` of conf/<env>.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmailConf(_Strict):
    """The mail server for alarms. The password of `user` is the environment variable REASONREC_SMTP_PASSWORD."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    starttls: bool = True
    user: str | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1)


class AlarmsConf(_Strict):
    """Where alarms go besides quality.alarms: a webhook, e-mail, both or neither.

    A webhook whose address is secret is set by the environment variable REASONREC_ALARM_WEBHOOK instead, a bearer token
    by REASONREC_ALARM_WEBHOOK_TOKEN. Each channel is tried `attempts` times, each time for `timeout_s` seconds.
    """

    webhook: str | None = Field(default=None, pattern="^https?://[^/]")
    email: EmailConf | None = None
    timeout_s: float = Field(default=5, gt=0, le=60)
    attempts: int = Field(default=3, ge=1, le=10)
