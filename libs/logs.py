"""Structured logs: text for a terminal, JSON lines for a log store; the JSON has run and job ids."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal


def visible(text: str) -> str:
    """A text that is safe to print on a terminal: control and direction characters, e.g. from source data, are escaped.

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
    """Sends reasonrec's log lines to standard error, and silences Great Expectations below warnings."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # not a line for each of its temporary folders
    # One of its loggers sets its own level, and MLflow's migrations add a handler to the root logger.
    logging.getLogger("great_expectations").propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logger = logging.getLogger("reasonrec")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
