"""`make sql-demo`: the questions of docs/ask.md asked of the SQL server and of DuckDB, and what the server must refuse.

On the warehouse of `make demo`, or the one that REASONREC_WAREHOUSE names. `--write` puts DuckDB's answers there.
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
# What changes, reads past the tables, runs a program or sets something. {path}: a table's folder; {out}: a free one.
FORBIDDEN = (ROOT / "samples" / "forbidden.sql").read_text(encoding="utf-8")
# The guard's own word; what is struck off or never was there; scripts, which Spark has switched off.
_NO = ("read only:", "[UNRESOLVED_ROUTINE]", "[ROUTINE_NOT_FOUND]", "[TABLE_OR_VIEW_NOT_FOUND]", "SQL_SCRIPTING]")
_QUESTION = re.compile(r"^## \d+\. (?P<title>.+?)\n(?P<about>.*?)```sql\n(?P<sql>.*?)\n```\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """Rows of an engine, as values of one kind (`plain`), and the seconds it took."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    seconds: float


def questions(page: str) -> dict[str, str]:
    """Title -> SQL, as docs/ask.md has them."""
    return {found["title"]: found["sql"] for found in _QUESTION.finditer(page)}


def forbidden(warehouse: str, out: Path) -> list[str]:
    """The statements that must be refused, about a warehouse's own files."""
    path = f"{urlparse(warehouse).path}/results/releases"
    lines = [line for line in FORBIDDEN.splitlines() if line and not line.startswith("--")]
    return [line.replace("{path}", path).replace("{out}", str(out)) for line in lines]


@contextmanager
def server(warehouse: str, env: str = "dev", cwd: Path | None = None) -> Iterator[int]:
    """A server of its own on a free port, which is given; ended at the end. RuntimeError where it does not start."""
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
    """A DB-API cursor of PyHive on the server."""
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
    found = ask(warehouse, sql)
    rows = found.fetchall()
    return Answer(list(found.columns), [plain(row) for row in rows], time.monotonic() - started)


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as floats, days as text: what drivers make of one value differs."""
    return tuple(
        float(value)
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        else value
        if value is None or isinstance(value, bool)
        else str(value)
        for value in row
    )


def equal(one: Answer, other: Answer) -> bool:
    """The same columns and rows in the same order; figures that the SQL rounds to 3 places may differ in the last."""

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
    """Whether the server says no to a statement that it can read: a slip of the pen here would prove nothing."""
    from pyhive.exc import OperationalError

    try:
        at.execute(statement)
    except OperationalError as error:
        return any(word in str(error) for word in _NO)
    return False


def state(folder: Path) -> str:
    """A hash over every file of a folder: its name, size and time."""
    found = sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(repr(found).encode()).hexdigest()


def with_answers(page: str, answers: dict[str, Answer]) -> str:
    """The page with each answer as a table under its question."""
    parts = [page[: next(_QUESTION.finditer(page)).start()]]
    for found in _QUESTION.finditer(page):
        answer = answers[found["title"]]
        lines = [
            answer.columns,
            ["---"] * len(answer.columns),
            *[[_cell(value) for value in row] for row in answer.rows],
        ]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"{found[0]}\n{table}\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def _cell(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    options = argparse.ArgumentParser(allow_abbrev=False, description=__doc__)
    options.add_argument("--write", action="store_true", help="only write DuckDB's answers into docs/ask.md")
    chosen = options.parse_args()
    published = load(conf_root(), "dev", None).env.warehouse
    if urlparse(published).scheme != "file":
        sys.exit(f"{published} is not on this machine's disk: name a warehouse that is by REASONREC_WAREHOUSE")
    if not by_duckdb(published, "SELECT release_id FROM current_release").rows:
        sys.exit(f"nothing is published in {published}: run `make demo` first, or name one by REASONREC_WAREHOUSE")
    page = PAGE.read_text(encoding="utf-8")
    if chosen.write:
        answers = {title: by_duckdb(published, sql) for title, sql in questions(page).items()}
        PAGE.write_text(with_answers(page, answers), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory(prefix="reasonrec-sql-demo-") as scratch:
        # A copy: were the guard broken, the statements that must be refused would be done.
        folder, out = Path(scratch) / "warehouse", Path(scratch) / "out"
        shutil.copytree(urlparse(published).path, folder)
        sys.exit(compare(folder, out, page))


def compare(folder: Path, out: Path, page: str) -> bool:
    """Asks, tries and prints; whether anything missed."""
    warehouse = folder.as_uri()
    ours = {title: by_duckdb(warehouse, sql) for title, sql in questions(page).items()}
    with server(warehouse) as port, cursor(port) as at:
        by_thrift(at, "SELECT 1")  # what a session costs is not a question's
        theirs = {title: by_thrift(at, sql) for title, sql in questions(page).items()}
        before, statements = state(folder), forbidden(warehouse, out)
        passed = [statement for statement in statements if not refused(at, statement)]
        untouched = state(folder) == before and not out.exists()
    for title, answer in ours.items():
        same = equal(answer, theirs[title])
        print(f"{'equal' if same else 'DIFFER':6} {len(answer.rows):3} rows  duckdb {answer.seconds:5.2f} s"
              f"  thrift {theirs[title].seconds:5.2f} s  {title}")  # fmt: skip
        if not same:
            print(f"  duckdb {answer.columns} {answer.rows}\n  thrift {theirs[title].columns} {theirs[title].rows}")
    for statement in passed:
        print(f"NOT REFUSED {statement}")
    agreed = sum(equal(answer, theirs[title]) for title, answer in ours.items())
    spent = [sum(answer.seconds for answer in all_of.values()) for all_of in (theirs, ours)]
    print(f"figure: sql questions={len(ours)} equal={agreed} refused={len(statements) - len(passed)}/{len(statements)}"
          f" files_untouched={'yes' if untouched else 'NO'} thrift_s={spent[0]:.2f} duckdb_s={spent[1]:.2f}"
          f" ratio={spent[0] / spent[1]:.2f}")  # fmt: skip
    return bool(agreed < len(ours) or len(ours) < 10 or passed or not untouched)


if __name__ == "__main__":
    main()
