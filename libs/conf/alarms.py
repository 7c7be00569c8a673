"""`alarms:` of conf/<env>.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmailConf(_Strict):
    """Where alarms are mailed by. The password of `user` is REASONREC_SMTP_PASSWORD of the environment."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    starttls: bool = True
    user: str | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1)


class AlarmsConf(_Strict):
    """Where alarms go beside quality.alarms: a webhook, e-mail, both or neither.

    A webhook whose address is itself a secret is named by REASONREC_ALARM_WEBHOOK of the environment instead; a bearer
    token is REASONREC_ALARM_WEBHOOK_TOKEN. Each way is tried `attempts` times, each time for `timeout_s` seconds.
    """

    webhook: str | None = Field(default=None, pattern="^https?://[^/]")
    email: EmailConf | None = None
    timeout_s: float = Field(default=5, gt=0, le=60)
    attempts: int = Field(default=3, ge=1, le=10)
