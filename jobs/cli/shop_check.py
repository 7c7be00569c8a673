"""Checks a shop's mapping against a sample of its files, by the code that the nightly ingest runs; writes nothing."""

from __future__ import annotations

import gzip
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobs.ingest.bronze import with_day, with_row_id
from jobs.ingest.silver import Params as SilverParams
from jobs.ingest.silver import may_be_redelivered
from libs import conf as configuration
from libs.conf import EnvConf
from libs.conf.shop import ShopConf, SourceConf
from libs.errors import OperatorError
from libs.ingest.csv_groups import grammar_of
from libs.ingest.files import date_pattern, files_at, readable, uri
from libs.ingest.groups import FileGroup
from libs.ingest.hints import hint, shown
from libs.ingest.mapping import mapped
from libs.ingest.records import csv_records
from libs.ingest.row_rules import Check, contract_checks, typed
from libs.ingest.silver import DUPLICATES, EXCLUDED, QUARANTINED, SILVER, classify
from libs.ingest.sources import read_source
from libs.logs import visible
from libs.tables import CONTRACT, Kind
from libs.window import Window

ROWS = 50_000
_DAYS = 3  # newest deliveries that are looked at
_SMALL = 32 << 20  # bytes of text that are read whole
_MOST_FILES = 20
_EVENTS = ("transactions", "reviews", "interactions")
_EXAMPLES = 20
_CHARS = 40  # of a value that is shown
# Ways out where the values tell none.
_WAYS = {
    "is missing": "map a column that is always there, or leave those rows out by `where`",
    "is not a": "add what stands for “none” to null_values, or correct the values by replace(...)",
    " before ": "bring it to yyyy-MM-dd HH:mm:ss by to_timestamp(..., 'its form') or timestamp_seconds(...)",
    "in the future": "bring it to yyyy-MM-dd HH:mm:ss by to_timestamp(..., 'its form') or timestamp_seconds(...)",
    "1 to 5": "bring it to 1 to 5 stars",
    "longer than": "map the id, not a text",
}
_DEPENDENT = {"optional", "attributes", "sensitive", "directed"}  # keys that must suit the kind


@dataclass
class SourceReport:
    """What was found in one source.

    Attributes:
        rows: mapped rows as they are shown: values cut, ids of users to their first characters.
        counts: rows, quarantined, duplicates, excluded, users, products, days.
        filled: mapped columns that have a value somewhere.
        same: columns with one value in all rows.
    """

    name: str
    kind: str
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None
    sampled: bool = False
    filled: set[str] = field(default_factory=set)
    same: dict[str, str] = field(default_factory=dict)


@dataclass
class ShopReport:
    """Everything to fix, everything to think about, and what was found."""

    shop: str
    file: str
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sources: list[SourceReport] = field(default_factory=list)


def session(env: EnvConf) -> SparkSession:
    """A session on this machine alone, whatever cluster the environment has."""
    from libs.spark.session import build_session

    return build_session(env.model_copy(update={"spark": env.spark | _LOCAL, "compute": {}}), "reasonrec shop check")


_LOCAL = {
    "spark.master": "local[2]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",  # compiling takes longer than a few thousand rows
}


def check_shop(spark_of: Callable[[], SparkSession], root: Path, shop: str, rows: int | None = ROWS) -> ShopReport:
    """Looks at each source of a shop.

    Args:
        spark_of: gives the session; it is not asked for where no file is there.
        root: the conf folder.
        rows: of each source that are looked at; None is all.

    Raises:
        OperatorError: there is no such shop, or its file is not YAML.
    """
    path = root / "shops" / f"{shop}.yaml"
    report = ShopReport(shop, f"{root.name}/shops/{shop}.yaml")
    conf, faults = _conf(root, shop, report.file)
    report.mistakes += faults
    sources = dict(_sources(path))
    zone = conf.timezone if conf else "UTC"
    checked: dict[str, DataFrame] = {}
    for name, (source, given) in sources.items():
        where = f"{report.file}: sources.{name}"
        try:
            _check_source(
                spark_of, root.resolve().parent, conf, (where, name, source, given), zone, rows, report, checked
            )
        except OperatorError as error:
            report.mistakes.append(str(error))
    if conf:
        report.warnings += _shop_warnings(report, conf, checked)
    for frame in checked.values():
        frame.unpersist()
    return report


def has_files(root: Path, shop: str) -> bool:
    """Whether any source of a shop has a file on this machine, or lies elsewhere."""
    for source, _ in dict(_sources(root / "shops" / f"{shop}.yaml")).values():
        if "://" in source.path or any(_local_files(root.resolve().parent, source.path)):
            return True
    return False


# ---- conf ----


def _conf(root: Path, shop: str, file: str) -> tuple[ShopConf | None, list[str]]:
    """(the shop if its file is valid, else None; all faults of the file by itself)."""
    faults = configuration.shop_faults(root, shop)
    return (None if faults else configuration.load_shop(root, shop)), [f"{file}: {fault}" for fault in faults]


def _sources(path: Path) -> Iterator[tuple[str, tuple[SourceConf, set[str]]]]:
    """Each source that can be read, faults aside, with the columns that its file maps."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError):
        return
    sources = values.get("sources") if isinstance(values, dict) else None
    for name, given in (sources if isinstance(sources, dict) else {}).items():
        source = _readable_source(given) if isinstance(given, dict) else None
        if source is not None:
            yield str(name), (source, set(given.get("columns") or ()))


def _readable_source(given: dict[str, Any]) -> SourceConf | None:
    """The source with what is invalid left out: its other keys can be checked all the same."""
    kind = CONTRACT.get(str(given.get("kind")))
    columns = given.get("columns") or {}
    if kind is None or not isinstance(columns, dict):
        return None
    values = {key: value for key, value in given.items() if key in SourceConf.model_fields}
    values["columns"] = {c: str(sql) for c, sql in columns.items() if c in kind.types and sql is not None}
    values["columns"] |= {c: "cast(null as string)" for c in kind.required if c not in values["columns"]}
    for _ in range(20):
        try:
            return SourceConf.model_validate(values)
        except ValidationError as error:
            keys = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]} or _DEPENDENT
            if keys & {"kind", "path", "format", "columns"} or not keys & set(values):
                return None
            values = {key: value for key, value in values.items() if key not in keys}
    return None


# ---- one source ----


def _check_source(
    spark_of: Callable[[], SparkSession],
    project: Path,
    conf: ShopConf | None,
    named: tuple[str, str, SourceConf, set[str]],
    zone: str,
    rows: int | None,
    report: ShopReport,
    checked: dict[str, DataFrame],
) -> None:
    where, name, source, given = named
    kind = CONTRACT[source.kind]
    if "://" not in source.path and not any(_local_files(project, source.path)):
        raise OperatorError(f"{where}.path: no file at {uri(project, source.path)}; put it there, or correct the path")
    with tempfile.TemporaryDirectory() as folder:
        small, original = _shortened(project, source, rows, Path(folder))
        try:
            spark = spark_of()
            window, missing = _window(spark, project, small, zone, conf, rows)
            if missing:
                report.warnings.append(
                    f"{where}.path: no file for {_listed(missing)}: deliver it, or list it in closed_days"
                )
            groups = read_source(spark, project, where, small, window, lambda _: False) or []
            if not groups:
                raise OperatorError(f"{where}.path: the files have no rows; deliver them again")
            share = None if rows is None else max(1000, rows // len(groups))
            limited = groups if share is None else [FileGroup(g.frame.limit(share), g.files) for g in groups]
            frame, faults = _mapped(limited, small, kind, where, zone)
            report.mistakes += faults
            if frame is not None:
                found = _found(frame, name, small, kind, zone, rows)
                checked[name] = found
                known = [c for c in kind.types if c in given and not any(f".columns.{c}:" in fault for fault in faults)]
                limit = conf.max_quarantine_share if conf else 0.01
                _judge(found, (where, name, small), kind, zone, known, rows, limit, report)
        except OperatorError as error:
            raise OperatorError(str(error).replace(folder, original)) from None


def _mapped(
    groups: list[FileGroup], source: SourceConf, kind: Kind, where: str, zone: str
) -> tuple[DataFrame | None, list[str]]:
    """The mapped rows, and every fault of an expression; what is faulty is left out of the rows."""

    def rows_of(part: SourceConf) -> DataFrame:
        frames = [mapped(group, part, kind, where, zone) for group in groups]
        return reduce(DataFrame.unionByName, frames)

    try:
        return rows_of(source), []
    except OperatorError:
        pass
    none: dict[str, Any] = {"columns": {}, "exclude": {}, "attributes": {}, "sensitive": {}, "where": None}
    good: dict[str, Any] = {"columns": {}, "exclude": {}, "attributes": {}, "sensitive": {}, "where": None}
    faults: list[str] = []
    for role in ("columns", "exclude", "attributes", "sensitive"):
        for key, sql in getattr(source, role).items():
            try:
                rows_of(source.model_copy(update={**none, role: {key: sql}}))
                good[role][key] = sql
            except OperatorError as error:
                faults.append(str(error))
    if source.where:
        try:
            rows_of(source.model_copy(update={**none, "where": source.where}))
            good["where"] = source.where
        except OperatorError as error:
            faults.append(str(error))
    try:
        return rows_of(source.model_copy(update=good)), faults
    except OperatorError as error:
        return None, [*faults, str(error)]


def _found(frame: DataFrame, name: str, source: SourceConf, kind: Kind, zone: str, rows: int | None) -> DataFrame:
    """The rows as bronze has them."""
    dated = with_day(frame, zone).withColumns({"source": F.lit(name), "shop": F.lit(""), "period": F.lit("")})
    kept = with_row_id(dated).select("shop", "period", "day", "source", "row_id", "excluded", "broken", *kind.types)
    return kept.persist()


def _judge(
    found: DataFrame,
    named: tuple[str, str, SourceConf],
    kind: Kind,
    zone: str,
    known: list[str],
    rows: int | None,
    limit: float,
    report: ShopReport,
) -> None:
    """Adds what is wrong with the values of a source, and what was found."""
    where, name, source = named
    told = SourceReport(name, source.kind, known)
    report.sources.append(told)
    raw = found.select(
        "day", "excluded", "broken", F.struct(*kind.types).alias("raw"),
        *[typed(F.col(c), type_, zone).alias(c) for c, type_ in kind.types.items()],
    )  # fmt: skip
    checks = [check for check in contract_checks(source.kind, kind, "raw", zone) if check.field in known]
    whole = F.col("excluded").isNull() & F.col("broken").isNull()
    sums = [F.count_if(whole & F.coalesce(check.fails, F.lit(False))).alias(f"n{n}") for n, check in enumerate(checks)]
    sums += [F.count_if(F.trim(F.col("raw")[c].cast("string")) != "").alias(f"filled_{c}") for c in known
             if not kind.types[c].startswith("map")]  # fmt: skip
    sums += [F.count("*").alias("rows"), F.count_if(F.col("broken").isNotNull()).alias("broken")]
    sums += [F.count_if(F.col("raw")[c].rlike(r"^\d+[.]0$")).alias(f"point_{c}") for c in _ids(kind, known)]
    with readable(found.sparkSession):
        counted = raw.agg(*sums).first()
    assert counted is not None
    counts = counted.asDict()
    told.filled = {c for c in known if counts.get(f"filled_{c}")}
    again = SilverParams().redelivery_days if may_be_redelivered(kind, [source]) else 0
    fates = classify(found, source.kind, kind, F.lit("the row cannot be read"), zone, again)
    _count(fates, kind, known, told)
    told.sampled = rows is not None and told.counts["rows"] >= rows
    bad = told.counts["quarantined"] / max(1, told.counts["rows"])
    faults = report.mistakes if bad > limit else report.warnings
    for n, check in enumerate(checks):
        if counted[f"n{n}"]:
            examples = [row[0] for row in raw.where(whole & check.fails).select(F.col("raw")[check.field]).distinct()
                        .limit(_EXAMPLES).collect()]  # fmt: skip
            share = counted[f"n{n}"] / counted["rows"]
            faults.append(f"{where}.columns.{check.field}: {_told(check, share, examples, source, kind)}")
    if counted["broken"]:
        example = found.where("broken is not null").select(F.left("broken", F.lit(80))).first()
        share, such = _percent(counted["broken"] / counted["rows"]), shown(example[0] if example else "")
        way = "correct delimiter, quote, escape or the file"
        faults.append(f"{where}: {share} of the rows cannot be read as {source.format}, such as {such}; {way}")
    if bad > limit:
        faults.append(
            f"{where}: {bad:.1%} of the rows would be quarantined, more than max_quarantine_share {limit:.1%}"
        )
    told.rows = [_cut(row, kind, known) for row in found.where("broken is null").select(*known).limit(5).collect()]
    report.warnings += [f"{where}: {text}" for text in _warnings(counted, told, source, kind)]


def _count(fates: DataFrame, kind: Kind, known: list[str], told: SourceReport) -> None:
    """Rows by fate; users, products and days of the good ones, and columns with one value."""
    good = F.col("fate") == SILVER
    sums = [F.count("*").alias("rows")]
    sums += [F.count_if(F.col("fate") == fate).alias(fate) for fate in (QUARANTINED, DUPLICATES, EXCLUDED)]
    for noun, column in (("users", "user_id"), ("products", "product_id")):
        if column in known:
            sums.append(F.count_distinct(F.when(good, F.col(column))).alias(noun))
    if "event_time" in kind.types:
        day = F.when(good, F.col("event_day"))
        sums += [F.count_distinct(day).alias("days"), F.min(day).alias("first"), F.max(day).alias("last")]
    same = [c for c in ("rating", "price", "category") if c in told.filled]
    for column in same:
        value = F.when(good, F.col(column).cast("string"))
        sums += [F.min(value).alias(f"min_{column}"), F.max(value).alias(f"max_{column}")]
    row = fates.agg(*sums).first()
    assert row is not None
    counts = row.asDict()
    told.first_day, told.last_day = counts.pop("first", None), counts.pop("last", None)
    for column in same:
        low, high = counts.pop(f"min_{column}"), counts.pop(f"max_{column}")
        if low is not None and low == high and counts["rows"] > 1:
            told.same[column] = low
    told.counts = counts


def _told(check: Check, share: float, examples: list[str | None], source: SourceConf, kind: Kind) -> str:
    """A failed check with its share, examples and the way out. No user id or text is shown in full."""
    column = check.field or ""
    texts = [text.strip() for text in examples if text and text.strip()]
    secret = column in (*kind.users, *kind.text)
    quotes = ", ".join(shown(_initials(text) if secret else text) for text in texts[:3])
    example = f", for example {quotes}" if quotes else ""
    return f"{check.reason} in {_percent(share)} of the rows{example}; {_way_out(check, texts, source, kind)}"


def _way_out(check: Check, texts: list[str], source: SourceConf, kind: Kind) -> str:
    """What to write in the mapping: told by a value that leaves no doubt, if there is one."""
    column = check.field or ""
    sql = source.columns.get(column, column)
    hints = [told for text in texts if (told := hint(check.reason, column, kind.types[column], sql, text))]
    if hints:
        return min(hints, key=lambda told: ", or " in told)
    for reason, way in _WAYS.items():
        if reason in check.reason:
            return way
    return "leave those rows out by `exclude`, or correct the expression"


def _warnings(counted: Row, told: SourceReport, source: SourceConf, kind: Kind) -> Iterator[str]:
    rows = max(1, told.counts["rows"])
    for column in _ids(kind, told.columns):
        if counted[f"point_{column}"] > 0.5 * rows:
            sql = source.columns[column]
            yield f"columns.{column}: ids end in .0, as 17850.0; write regexp_replace({sql}, '[.]0$', '')"
    if source.kind == "transactions" and not {"user_id"} & told.filled:
        yield "all rows are guests': no list is made for anybody; map user_id"
    if told.counts[DUPLICATES] > 0.05 * rows and not kind.snapshot:
        share = told.counts[DUPLICATES] / rows
        yield f"{share:.0%} of the rows repeat others in {', '.join(kind.keys)}; only the first counts"
    if told.counts[EXCLUDED] > 0.5 * rows:
        yield f"{told.counts['excluded'] / rows:.0%} of the rows are left out by `exclude`"
    for column, value in told.same.items():
        yield f"columns.{column}: is {shown(value)} in every row: it tells nothing"


def _shop_warnings(report: ShopReport, conf: ShopConf, checked: dict[str, DataFrame]) -> Iterator[str]:
    catalogues = [told for told in report.sources if told.kind == "products"]
    events = [told for told in report.sources if told.kind in _EVENTS]
    if not any("title" in told.filled for told in catalogues):
        yield f"{report.file}: no source of products maps a title: sentences will say “an item you ...”"
    if not any("price" in told.filled for told in report.sources):
        yield f"{report.file}: no source maps a price"
    named = [checked[told.name].select("product_id") for told in catalogues if told.name in checked]
    sold = [
        checked[told.name].select("product_id")
        for told in events
        if told.name in checked and "product_id" in told.columns
    ]
    if named and sold:
        listed = reduce(DataFrame.union, named).distinct()
        wanted = reduce(DataFrame.union, sold).where("product_id is not null").distinct()
        total, known = wanted.count(), wanted.join(listed, "product_id", "left_semi").count()
        whole = not any(told.sampled for told in catalogues)
        if total and known < 0.5 * total and whole:
            yield (
                f"{report.file}: the catalogue has {known / total:.0%} of the products that users bought or reviewed:"
                " are both ids spelled alike?"
            )


# ---- small parts ----


def _ids(kind: Kind, known: list[str]) -> list[str]:
    return [c for c in known if c in ("user_id", "product_id", "order_id", "friend_id")]


def _cut(row: Row, kind: Kind, known: list[str]) -> dict[str, str]:
    """A row as it is shown; an id that is made of a user's shows no more of it."""
    users = [row[c] for c in kind.users if c in known and row[c]]
    values = {c: row[c] for c in known}
    for column, value in values.items():
        if column in kind.users:
            values[column] = _initials(value)
            continue
        for user in users if isinstance(value, str) else ():
            if len(user) > 3 or value.startswith(f"{user}-"):
                values[column] = value = value.replace(user, _initials(user))
    return {column: _value(value, _CHARS) for column, value in values.items()}


def _initials(text: str | None) -> str:
    """So much of a user's id or text that one sees its form."""
    return f"{text[: max(1, min(3, len(text) // 2))]}…" if text else ""


def _value(value: Any, chars: int) -> str:
    text = ", ".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else str(value or "")
    text = " ".join(text.split())
    return visible(text if len(text) <= chars else f"{text[:chars]}…")


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "fewer than 0.1%"


def _listed(days: list[date]) -> str:
    return ", ".join(map(str, days[:5])) + (f" and {len(days) - 5} days more" if len(days) > 5 else "")


def _local_files(project: Path, path: str) -> Iterator[Path]:
    """The data files of a path without a scheme; `{date}` stands for any day."""
    full = project / path.replace("{date}", "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]")
    if full.exists():
        yield from sorted(f for f in full.rglob("*") if f.is_file()) if full.is_dir() else [full]
        return
    parts = full.parts
    fixed = next((n for n, part in enumerate(parts) if re.search(r"[*?\[{]", part)), None)
    if fixed is not None and Path(*parts[:fixed]).is_dir():
        for found in sorted(Path(*parts[:fixed]).glob("/".join(parts[fixed:]))):
            yield from sorted(f for f in found.rglob("*") if f.is_file()) if found.is_dir() else [found]


def _shortened(project: Path, source: SourceConf, rows: int | None, folder: Path) -> tuple[SourceConf, str]:
    """(the source over copies of its files' first records if they are large, the folder that the copies stand for)."""
    if rows is None or source.format not in ("csv", "jsonl") or source.daily or "://" in source.path:
        return source, ""
    files = [f for f in _local_files(project, source.path) if not f.name.startswith(("_", "."))]
    sizes = sum(f.stat().st_size * (6 if f.suffix == ".gz" else 1) for f in files)
    if sizes <= _SMALL or source.encoding.replace("-", "").startswith("utf16"):
        return source, ""
    for file in files[:_MOST_FILES]:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="latin-1", newline="\n") as lines:  # type: ignore[operator]  (latin-1 keeps each byte)
            texts = (line.rstrip("\r\n") for line in lines)
            records = (
                csv_records(texts, grammar_of(source)) if source.format == "csv" else ((text, False) for text in texts)
            )
            head = [record for record, _ in islice(records, rows // min(len(files), _MOST_FILES) + 2)]
        with (folder / file.name.removesuffix(".gz")).open("w", encoding="latin-1", newline="\n") as out:
            out.writelines(f"{record}\n" for record in head)
    return source.model_copy(update={"path": str(folder)}), str(files[0].parent)


def _window(
    spark: SparkSession, project: Path, source: SourceConf, zone: str, conf: ShopConf | None, rows: int | None
) -> tuple[Window, list[date]]:
    """(the newest deliveries' days, days without a file on which the shop is open)."""
    today = date(2000, 1, 1)
    if not source.daily:
        return Window(today, today + timedelta(days=1), zone), []
    full = uri(project, source.path)
    pattern = re.compile(date_pattern(spark, full))
    texts = {match[1] for file in files_at(spark, full.replace("{date}", "*")) if (match := pattern.search(file.key))}
    days = sorted(date.fromisoformat(text) for text in texts)
    if not days:
        raise OperatorError(f"no file at {full} for any day; put it there, or correct the path")
    between = (days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days))
    missing = [day for day in between if day not in set(days) and (conf is None or conf.is_open(day))]
    first = days[0] if rows is None else days[-_DAYS:][0]
    return Window(first, days[-1] + timedelta(days=1), zone), missing
