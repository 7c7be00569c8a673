"""`make sql-demo`: runs the queries of docs/ask.md on the SQL server and DuckDB, and statements the server must refuse.

Uses the warehouse of `make demo`, or the one that REASONREC_WAREHOUSE names. `--write` writes DuckDB's answers into
docs/ask.md.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from libs.conf import conf_root, load
from libs.query.ask import ask

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "ask.md"
# Statements that change data, read anything but tables, run a program or set something.
# {path}: a table's folder; {out}: a path that does not exist.
FORBIDDEN = (ROOT / "samples" / "forbidden.sql").read_text(encoding="utf-8")
# Refusals: the guard's own errors; functions and tables that are removed or missing; scripting, which Spark has off.
_REFUSALS = ("read only:", "[UNRESOLVED_ROUTINE]", "[ROUTINE_NOT_FOUND]", "[TABLE_OR_VIEW_NOT_FOUND]", "SQL_SCRIPTING]")
_QUESTION = re.compile(r"^## \d+\. (?P<title>.+?)\n(?P<about>.*?)```sql\n(?P<sql>.*?)\n```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """The rows of an engine, with values made comparable by `plain`, and the seconds it took."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    seconds: float


def questions(page: str) -> dict[str, str]:
    """Title -> SQL of the questions in docs/ask.md."""
    return {match["title"]: match["sql"] for match in _QUESTION.finditer(page)}


def forbidden(warehouse: str, out: Path) -> list[str]:
    """The statements that must be refused, with paths of the warehouse filled in."""
    path = f"{urlparse(warehouse).path}/results/releases"
    lines = [line for line in FORBIDDEN.splitlines() if line and not line.startswith("--")]
    return [line.replace("{path}", path).replace("{out}", str(out)) for line in lines]


@contextmanager
def server(warehouse: str, env: str = "dev", cwd: Path | None = None) -> Iterator[int]:
    """Starts a server, yields its port and stops it at the end. Raises RuntimeError if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "jobs.run", "sql-server", "--port", str(port), "--env", env]
    environ = os.environ | {
        "REASONREC_WAREHOUSE": warehouse,
        "REASONREC_CONF": str(conf_root()),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(line, env=environ, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if not process.stdout.readline().startswith("ready"):
                raise RuntimeError("the server did not start")
            yield port
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def cursor(port: int, **options: Any) -> Iterator[Any]:
    """A PyHive (DB-API) cursor on the server."""
    from pyhive import hive

    connection = hive.connect("127.0.0.1", port, **options)
    try:
        yield connection.cursor()
    finally:
        connection.close()


def by_thrift(at: Any, sql: str) -> Answer:
    started = time.monotonic()
    at.execute(sql)
    rows = at.fetchall()
    seconds = time.monotonic() - started
    return Answer([column[0].split(".")[-1] for column in at.description], [plain(row) for row in rows], seconds)


def by_duckdb(warehouse: str, sql: str) -> Answer:
    started = time.monotonic()
    relation = ask(warehouse, sql)
    rows = relation.fetchall()
    return Answer(list(relation.columns), [plain(row) for row in rows], time.monotonic() - started)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as floats and dates as text: drivers return different types for the same value."""
    return tuple(
        float(value)
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        else value
        if value is None or isinstance(value, bool)
        else str(value)
        for value in row
    )


def equal(one: Answer, other: Answer) -> bool:
    """Whether columns and rows are the same in the same order; numbers rounded to 3 places may differ in the last."""

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, float) and isinstance(b, float):
            return math.isclose(a, b, abs_tol=1.01e-3)
        return type(a) is type(b) and a == b

    return (
        one.columns == other.columns
        and len(one.rows) == len(other.rows)
        and all(same(a, b) for x, y in zip(one.rows, other.rows, strict=True) for a, b in zip(x, y, strict=True))
    )


def refused(at: Any, statement: str) -> bool:
    """Whether the server refuses a statement; a syntax error does not count, since it would prove nothing."""
    from pyhive.exc import OperationalError

    try:
        at.execute(statement)
    except OperationalError as error:
        return any(refusal in str(error) for refusal in _REFUSALS)
    return False


def state(folder: Path) -> str:
    """A hash over the names, sizes and times of all files in a folder."""
    files = sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(repr(files).encode()).hexdigest()


def with_answers(page: str, answers: dict[str, Answer]) -> str:
    """The page with each answer as a table under its question."""
    parts = [page[: next(_QUESTION.finditer(page)).start()]]
    for match in _QUESTION.finditer(page):
        answer = answers[match["title"]]
        lines = [
            answer.columns,
            ["---"] * len(answer.columns),
            *[[_cell(value) for value in row] for row in answer.rows],
        ]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"{match[0]}\n{table}\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def _cell(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    options = argparse.ArgumentParser(allow_abbrev=False, description=__doc__)
    options.add_argument("--write", action="store_true", help="only write DuckDB's answers into docs/ask.md")
    arguments = options.parse_args()
    original = load(conf_root(), "dev", None).env.warehouse
    if urlparse(original).scheme != "file":
        sys.exit(f"{original} is not on this machine's disk: set REASONREC_WAREHOUSE to a warehouse that is")
    if not by_duckdb(original, "SELECT release_id FROM current_release").rows:
        sys.exit(f"nothing is published in {original}: run `make demo` first, or set REASONREC_WAREHOUSE")
    page = PAGE.read_text(encoding="utf-8")
    if arguments.write:
        answers = {title: by_duckdb(original, sql) for title, sql in questions(page).items()}
        PAGE.write_text(with_answers(page, answers), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory(prefix="reasonrec-sql-demo-") as scratch:
        # A copy: if the guard is broken, the statements that it must refuse are executed.
        folder, out = Path(scratch) / "warehouse", Path(scratch) / "out"
        shutil.copytree(urlparse(original).path, folder)
        sys.exit(compare(folder, out, page))


def compare(folder: Path, out: Path, page: str) -> bool:
    """Runs and prints all checks; returns whether any failed."""
    warehouse = folder.as_uri()
    from_duckdb = {title: by_duckdb(warehouse, sql) for title, sql in questions(page).items()}
    with server(warehouse) as port, cursor(port) as at:
        by_thrift(at, "SELECT 1")  # the cost of a new session is not that of the first question
        from_thrift = {title: by_thrift(at, sql) for title, sql in questions(page).items()}
        before, statements = state(folder), forbidden(warehouse, out)
        accepted = [statement for statement in statements if not refused(at, statement)]
        untouched = state(folder) == before and not out.exists()
    for title, answer in from_duckdb.items():
        other = from_thrift[title]
        same = equal(answer, other)
        print(f"{'equal' if same else 'DIFFER':6} {len(answer.rows):3} rows  duckdb {answer.seconds:5.2f} s"
              f"  thrift {other.seconds:5.2f} s  {title}")  # fmt: skip
        if not same:
            print(f"  duckdb {answer.columns} {answer.rows}\n  thrift {other.columns} {other.rows}")
    for statement in accepted:
        print(f"NOT REFUSED {statement}")
    n, n_equal = len(from_duckdb), sum(equal(answer, from_thrift[title]) for title, answer in from_duckdb.items())
    thrift_s, duckdb_s = (sum(answer.seconds for answer in side.values()) for side in (from_thrift, from_duckdb))
    print(f"figure: sql questions={n} equal={n_equal} refused={len(statements) - len(accepted)}/{len(statements)}"
          f" files_untouched={'yes' if untouched else 'NO'} thrift_s={thrift_s:.2f} duckdb_s={duckdb_s:.2f}"
          f" ratio={thrift_s / duckdb_s:.2f}")  # fmt: skip
    return bool(n_equal < n or n < 10 or accepted or not untouched)


if __name__ == "__main__":
    main()
