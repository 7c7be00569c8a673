"""Structured logs: text for a person at a terminal, JSON lines for a log store; both carry run and job ids."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal


def visible(text: str) -> str:
    """What a terminal may be given: control and direction characters, as deliveries may bring them, stand as escapes.

    >>> visible("a\\x1b[31m\\u202eb\\n")
    'a\\\\x1b[31m\\\\u202eb\\n'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "run": getattr(record, "run", None),
            "job": getattr(record, "job", None),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        job = getattr(record, "job", None)
        text = f"{self.formatTime(record, '%H:%M:%S')} {f'{job}: ' if job else ''}{visible(record.getMessage())}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(form: Literal["text", "json"]) -> None:
    """Sends reasonrec's log lines to standard error; Great Expectations may warn but not tell each temporary folder."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    # One of its loggers has a level of its own, and MLflow's migrations give the root a handler: not that far, then.
    logging.getLogger("great_expectations").propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logger = logging.getLogger("reasonrec")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
