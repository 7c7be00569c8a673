"""`make bench-deliveries`: odd deliveries through ingest, each against the rows, quarantine and exit status it must give.

Lost are records that an independent reader (Python's csv and json, pyarrow) counts in the files and ingest does not;
forged are silver rows that are none of the rows written. `--only NAME...` runs some of the cases.
"""

from __future__ import annotations

import argparse
import codecs
import csv
import gzip
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from jobs.catalog import get_job
from jobs.ingest import bronze
from libs.conf import Conf, load
from libs.conf.read import load_shop
from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.silver import FATES, QUARANTINED, SILVER, classify, silver_rows
from libs.job import JobContext, Run
from libs.privacy.keys import pseudonym
from libs.spark.delta import conform
from libs.spark.session import build_session
from libs.tables import CONTRACT, table
from libs.text.clean import clean_text, to_utf8
from libs.window import Window
from tests.benchmarks.delivery_cases import CASES, SHARED, Case, Rows

ROOT = Path(__file__).resolve().parents[2]
KEY = "0" * 64
BATCH = 25  # cases that share the queries of silver
csv.field_size_limit(sys.maxsize)


@dataclass
class Outcome:
    """What a delivery came to: exit status and message, rows of bronze and silver by kind, rows by fate, reasons."""

    status: int = 0
    message: str = ""
    bronze: dict[str, pa.Table] = field(default_factory=dict)
    silver: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    zone: str = "UTC"
    limit: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """How an outcome differs from what the case says; `misses` is empty where it does not."""

    misses: list[str]
    lost: int = 0
    forged: int = 0


@dataclass
class MemoryContext(JobContext):
    """A job's context whose tables stay in memory: Delta's commits would take most of the time of these cases."""

    written: dict[str, pa.Table] = field(default_factory=dict)

    def read(self, name: str) -> DataFrame:
        return self.spark.createDataFrame([], self._allowed(name, self.job.reads, "reads").ddl)

    def write(self, name: str, frame: DataFrame) -> None:
        self.written[name] = conform(frame, self._allowed(name, self.job.writes, "writes")).toArrow()


def deliver(spark: SparkSession, cases: list[Case], folder: Path) -> list[Outcome]:
    """Writes the cases' files, each into a folder of its name, and brings them in.

    Each case is read and mapped by ingest.bronze for itself. What follows is the same for all: the functions of
    ingest.silver take all rows at once, each case as a shop, which saves some seconds a case.
    """
    outcomes = [in_bronze(spark, case, folder / case.name) for case in cases]
    in_silver(spark, [outcome for outcome in outcomes if not outcome.status])
    return outcomes


def in_bronze(spark: SparkSession, case: Case, folder: Path) -> Outcome:
    outcome = Outcome()
    try:
        with stopped(outcome):
            ctx = context(spark, case, folder)
            outcome.zone, outcome.limit = ctx.shop.timezone, ctx.shop.max_quarantine_share
            bronze.run(ctx)
            outcome.bronze = {name.split(".")[1]: rows for name, rows in ctx.written.items()}
    finally:
        spark.catalog.clearCache()
    return outcome


@contextmanager
def stopped(*outcomes: Outcome) -> Iterator[None]:
    """Notes the exit status and message of an error."""
    try:
        yield
    except OperatorError as error:
        status, message = error.status, str(error)
    except Exception as error:
        status, message = 1, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    else:
        return
    for outcome in outcomes:
        outcome.status, outcome.message = status, message


def context(spark: SparkSession, case: Case, folder: Path) -> MemoryContext:
    """A context over the case's files; its conf is read and checked as every command does."""
    conf = folder / "conf"
    (conf / "shops").mkdir(parents=True)
    (conf / "languages").symlink_to(ROOT / "conf" / "languages")
    (conf / "shops" / "tiny.yaml").write_text(case.write(folder), encoding="utf-8")
    shop = load_shop(conf, "tiny")
    start, end = map(date.fromisoformat, case.window)
    run = Run("test", Conf(conf, load(ROOT / "conf", "test", None).env, shop, {}), Window(start, end), (end,), end, (),
              f"{end}-01", 1, "0.test")  # fmt: skip
    return MemoryContext(spark, run, get_job("ingest.bronze"), {"pseudonym_key": KEY})


def in_silver(spark: SparkSession, outcomes: list[Outcome]) -> None:
    """Adds silver, counts and reasons; an error is searched for by halves."""
    error = Outcome()
    with stopped(error):
        by_kind: dict[tuple[str, str], list[tuple[int, pa.Table]]] = {}
        for number, outcome in enumerate(outcomes):
            for kind, rows in outcome.bronze.items():
                by_kind.setdefault((kind, outcome.zone), []).append((number, rows))
        for (kind, zone), tables in by_kind.items():
            for row in fates(spark, kind, zone, tables):
                outcome = outcomes[int(row["shop"])]
                outcome.counts.update(["rows_in", row["fate"]])
                if row["fate"] == SILVER:
                    outcome.silver.setdefault(kind, []).append(row)
                elif row["fate"] == QUARANTINED:
                    outcome.reasons.append(row["failure"]["reason"])
    if error.status and len(outcomes) > 1:
        half = len(outcomes) // 2
        for outcome in outcomes:
            outcome.silver, outcome.counts, outcome.reasons = {}, Counter(), []
        in_silver(spark, outcomes[:half])
        in_silver(spark, outcomes[half:])
    elif error.status:
        outcomes[0].status, outcomes[0].message = error.status, error.message
    for outcome in outcomes:
        bad, rows_in = outcome.counts[QUARANTINED], outcome.counts["rows_in"]
        if not outcome.status and bad > outcome.limit * max(1, rows_in):  # as silver.check_limit
            outcome.status, outcome.message = 2, f"{bad} of {rows_in} rows are bad: {outcome.reasons[:3]}"


def fates(spark: SparkSession, kind: str, zone: str, tables: list[tuple[int, pa.Table]]) -> list[dict[str, Any]]:
    """All rows of a kind with their fate; rows of silver as it holds them; the texts as delivered in `delivered`."""
    # Each case is a shop of its own: its number is part of each row's key.
    contract = replace(CONTRACT[kind], keys=("shop", *CONTRACT[kind].keys))
    numbered = [rows.set_column(0, "shop", pa.array([str(number)] * len(rows), pa.string())) for number, rows in tables]
    assert numbered[0].column_names[0] == "shop"
    delivered = pa.concat_tables(numbered)
    rows = spark.createDataFrame(delivered, schema=StructType.fromDDL(table(f"bronze.{kind}").ddl))
    classified = classify(rows, kind, contract, F.lit("cannot be read"), zone, 31).persist()
    silver = silver_rows(classified, contract, KEY).toArrow().to_pylist()
    others = classified.where(F.col("fate") != SILVER).select("shop", "fate", "failure").toArrow().to_pylist()
    classified.unpersist()
    as_delivered = {(row["shop"], row["row_id"]): row for row in delivered.to_pylist()}
    return [*others, *(row | {"fate": SILVER, "delivered": as_delivered[row["shop"], row["row_id"]]} for row in silver)]


def judge(case: Case, outcome: Outcome, folder: Path) -> Verdict:
    """Compares an outcome with the case's expectation."""
    misses: list[str] = []
    if outcome.status != case.status:
        misses.append(f"exit {outcome.status} instead of {case.status}: {outcome.message or 'no message'}")
        return Verdict(misses)
    if case.status:
        misses += [
            f"the message lacks {word!r}: {outcome.message}" for word in case.says if word not in outcome.message
        ]
        misses += ["the message has several lines"] if "\n" in outcome.message else []
        return Verdict(misses)
    written = records(case, folder)
    lost = max(0, written - outcome.counts["rows_in"])
    if written != outcome.counts["rows_in"] and not case.may_split:
        misses.append(f"{written} records in the files, rows_in is {outcome.counts['rows_in']}")
    forged = 0
    if outcome.counts["rows_in"] != sum(outcome.counts[fate] for fate in FATES):
        misses.append(f"rows in are not rows out: {dict(outcome.counts)}")
    for kind, rows in case.rows.items():
        surplus, missing = difference(kind, rows, outcome)
        forged += sum(surplus.values())
        misses += [f"{kind} that was never written: {row}" for row in surplus]
        misses += [f"{kind} missing: {row}" for row in missing]
    misses += quarantine_misses(case, outcome)
    return Verdict(misses, lost, forged)


def difference(kind: str, rows: Rows, outcome: Outcome) -> tuple[Counter[tuple[Any, ...]], Counter[tuple[Any, ...]]]:
    """(silver rows that were never written, rows that are neither in silver nor allowed to be in quarantine)."""
    contract, silver, expected, either = CONTRACT[kind], Counter(), Counter(), Counter()
    for row in outcome.silver.get(kind, []):
        texts = tuple(line_breaks(to_utf8(row["delivered"][c] or "")) for c in rows.columns if c in contract.text)
        silver[(*(plain(row[c]) for c in rows.columns), *texts)] += 1
    for row in [*rows.rows, *rows.either]:
        named = dict(zip(rows.columns, row, strict=True))
        values = [wanted(named[c], c in contract.users, c in contract.text) for c in rows.columns]
        texts = tuple(line_breaks(to_utf8(named[c] or "")) for c in rows.columns if c in contract.text)
        (either if row in rows.either else expected)[(*values, *texts)] += 1
    return silver - expected - either, expected - silver


def wanted(value: Any, is_user: bool, is_text: bool) -> Any:
    if value is None:
        return None
    if is_user:
        return pseudonym(value, KEY)
    return clean_text(value) or None if is_text else plain(value)


def plain(value: Any) -> Any:
    """Decimals as floats; times as text in UTC."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value.tzinfo else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | dict):  # a map
        return tuple(sorted(dict(value).items()))
    return value


def line_breaks(text: str | None) -> str:
    """A text with line breaks of one form: what ends a line is not part of what was said."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n").strip()


def quarantine_misses(case: Case, outcome: Outcome) -> list[str]:
    misses, left = [], list(outcome.reasons)
    for words, count in case.quarantined.items():
        for _ in range(count):
            reason = next((reason for reason in left if words in reason), None)
            if reason is None:
                misses.append(f"no quarantined row for {words!r}; there are {outcome.reasons}")
            else:
                left.remove(reason)
    if len(left) > case.either_quarantined:
        misses.append(f"quarantined too: {left}")
    for fate in ("duplicates", "excluded"):
        if outcome.counts[fate] != getattr(case, fate):
            misses.append(f"{outcome.counts[fate]} {fate} instead of {getattr(case, fate)}")
    return misses


def records(case: Case, folder: Path) -> int:
    """Records of the case's files, counted apart from the parser; the case states those that no other reader agrees on."""
    if case.records is not None:
        return case.records
    sources = yaml.safe_load((folder / "conf" / "shops" / "tiny.yaml").read_text(encoding="utf-8"))["sources"]
    total = 0
    for source in map(SourceConf.model_validate, sources.values()):
        path = Path(source.path.replace("{date}", "*"))
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        files = [file for match in matches for file in (sorted(match.rglob("*")) if match.is_dir() else [match])]
        for file in filter(Path.is_file, files):
            total += records_of(file, source)
    return total


def records_of(file: Path, source: SourceConf) -> int:
    if source.format == "parquet":
        return pq.ParquetFile(file).metadata.num_rows
    raw = file.read_bytes()
    raw = gzip.decompress(raw) if file.suffix == ".gz" else raw
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = raw.decode("utf-16" if marked else source.encoding, "replace").removeprefix("\ufeff")
    return csv_records(text, source) if source.format == "csv" else json_records(text)


def csv_records(text: str, source: SourceConf) -> int:
    """Records of a CSV text but for its header and Excel's `sep=` line; a delimiter of several signs becomes one."""
    sign = source.delimiter if len(source.delimiter) == 1 else "\x1f"
    dialect = {"delimiter": sign, "quotechar": source.quote, "doublequote": source.escape == source.quote}
    if source.escape != source.quote:
        dialect["escapechar"] = source.escape
    lines = list(csv.reader(io.StringIO(text.replace(source.delimiter, sign), newline=""), **dialect))
    lines = [line for line in lines if line]
    return len(lines) - 1 - (lines[0][0].startswith("sep=") if lines else 0)


def json_records(text: str) -> int:
    """Values of a JSON text, however they follow one another; each element of an array is one."""
    decoder, count, place = json.JSONDecoder(strict=False), 0, 0
    while (text := text[place:].lstrip()) != "":
        value, place = decoder.raw_decode(text)
        count += len(value) if isinstance(value, list) else 1
    return count


def verdicts(spark: SparkSession, cases: list[Case]) -> Iterator[tuple[Case, Verdict]]:
    """The cases with their verdicts, some dozens at a time."""
    for first in range(0, len(cases), BATCH):
        batch = cases[first : first + BATCH]
        with tempfile.TemporaryDirectory(prefix="deliveries-") as folder:
            for case, outcome in zip(batch, deliver(spark, batch, Path(folder)), strict=True):
                yield case, judge(case, outcome, Path(folder, case.name))


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    only = parser.parse_args().only
    absent = [case.name for case in CASES if case.shared and not (SHARED / case.name).exists()]
    if absent:
        print(f"skipped: {len(absent)} cases of {SHARED}, which is not there")
    cases = [case for case in CASES if case.name not in absent and (only is None or case.name in only)]
    spark = build_session(load(ROOT / "conf", "test", None).env, "deliveries")
    totals: Counter[str] = Counter()
    for case, verdict in verdicts(spark, cases):
        totals.update(deliveries=1, right=not verdict.misses, lost=verdict.lost, forged=verdict.forged)
        print(f"{'MISS' if verdict.misses else 'right':<6} {case.name}: {case.about}")
        for miss in verdict.misses[:6]:
            print(f"         {miss[:600]}", flush=True)
    figures = " ".join(f"{name}={totals[name]}" for name in ("deliveries", "right", "lost", "forged"))
    print(f"figure: {figures}")
    sys.exit(totals["right"] < totals["deliveries"] or totals["lost"] + totals["forged"] > 0)


if __name__ == "__main__":
    main()
