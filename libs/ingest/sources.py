"""A shop's source files as DataFrames: every record as delivered, including records that cannot be read.

Files of one source may differ in columns, types, encoding or order. They are read in groups of one schema each, and
each group is mapped for itself (libs.ingest.mapping), so that no type has to hold for all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import decoded
from libs.ingest.files import (
    SourceFile,
    as_file,
    broken_file,
    date_pattern,
    files_at,
    first_bytes,
    literal,
    readable,
    uri,
)
from libs.ingest.lines import (
    BAD,
    FILE,
    ROW,
    TEXT,
    Splitter,
    file_name,
    looked_through,
    plain_records,
    read_lines,
    records_of_files,
)
from libs.ingest.records import JSON_RECORD, CsvGrammar, csv_records, json_records
from libs.window import Window

# Added to the source's columns: the record as delivered; the same if it cannot be read, else null; its file's {date};
# its file.
BROKEN, DELIVERED = "__broken", "__delivered"
ADDED = (ROW, BROKEN, DELIVERED, FILE)

IsOpen = Callable[[date], bool]
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's, before the header
_QUOTED_CHARS = 500  # characters of a header that an error quotes
_SHAPED_ROWS = 10_000  # JSON records that say whether a key holds arrays, objects or plain values


@dataclass(frozen=True)
class FileGroup:
    """Files of a source with one schema: their rows (the source's columns and ADDED), and the files for messages."""

    frame: DataFrame
    files: list[str]


class _Head(NamedTuple):
    """Of a CSV file: its column names (none without a line), the lines to its header's end, and its delimiter."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    delimiter: str


def read_source(
    spark: SparkSession, root: Path, where: str, source: SourceConf, window: Window, is_open: IsOpen
) -> list[FileGroup] | None:
    """The source's rows in groups of files; None if the shop was closed on all days of the window.

    If the source's path has `{date}`, only the files of the window's days are read; otherwise the whole source.

    Args:
        root: the project's root; a path without a scheme is relative to it.
        where: file and key of the mapping, for messages.
        is_open: whether the shop trades on a day. A closed day needs no delivery.

    Raises:
        OperatorError: a file is missing, broken, empty, or not what the mapping says.
    """
    if source.daily and source.format == "delta":
        raise OperatorError(
            f"{where}.path: a Delta table has no file per day: remove {{date}}, or set `format` to that of the files"
        )
    deliveries = _deliveries(spark, root, where, source, window, is_open)
    if not deliveries:
        return None
    counted = _groups(spark, root, where, source, [file for _, files in deliveries for file in files])
    for day, files in deliveries:
        if sum(counted.records.get(file.key, 0) for file in files) == 0:
            if day is None:
                raise OperatorError(f"{where}: source {where.rsplit('.', 1)[1]} has no rows in {files[0].shown};"
                                    " deliver it again")  # fmt: skip
            if is_open(day) and source.empty_day == "refused":
                raise OperatorError(
                    f"{where}: {files[0].shown} has no rows; deliver it again, or if nothing happened that day, set"
                    " `empty_day: allowed`"
                )
    return counted.groups


def read_deliveries(spark: SparkSession, root: Path, where: str, source: SourceConf) -> list[FileGroup]:
    """All rows of all of a source's files that still exist.

    Raises:
        OperatorError: as `read_source`.
    """
    full = uri(root, source.path)
    files = [as_file(spark, full)] if source.format == "delta" else files_at(spark, full.replace("{date}", "*"))
    return _groups(spark, root, where, source, files).groups if files else []


def one_line(error: Exception) -> str:
    """Spark's message about an invalid plan, without error codes and without the printed plan."""
    message = re.sub(r"^\s*\[[A-Z0-9_.]+\]\s*", "", str(error))
    return " ".join(re.split(r"\s*SQLSTATE|\n\n|;\s*\n", message)[0].split())


def grammar_of(source: SourceConf) -> CsvGrammar:
    """How the source's CSV files are parted and quoted, where they do not say it themselves."""
    return CsvGrammar(source.delimiter, source.quote, source.escape)


def _deliveries(
    spark: SparkSession, root: Path, where: str, source: SourceConf, window: Window, is_open: IsOpen
) -> list[tuple[date | None, list[SourceFile]]]:
    """(day, its files) of each delivery in the window; one without a day for a source that is read whole."""
    full = uri(root, source.path)
    if not source.daily:
        files = files_at(spark, full)
        if not files:
            raise OperatorError(f"{where}.path: no file at {full}; put it there, or correct the path")
        return [(None, [as_file(spark, full)] if source.format == "delta" else files)]
    deliveries: list[tuple[date | None, list[SourceFile]]] = []
    day = window.start
    while day < window.end:
        path = full.replace("{date}", day.isoformat())
        if files := files_at(spark, path):
            deliveries.append((day, files))
        elif is_open(day):
            raise OperatorError(
                f"{where}.path: no file at {path}; deliver the day, or list it in closed_weekdays or closed_days"
            )
        day += timedelta(days=1)
    return deliveries


class _Counted(NamedTuple):
    groups: list[FileGroup]
    records: dict[str, int]  # by file; a file whose rows are not counted yet has 1 if there are any


def _groups(spark: SparkSession, root: Path, where: str, source: SourceConf, files: list[SourceFile]) -> _Counted:
    read = {"csv": _csv_groups, "jsonl": _json_groups, "parquet": _parquet_groups, "delta": _delta_groups}
    with readable(spark):
        groups, records = read[source.format](spark, where, source, files)
    day = F.lit(None).cast("date")
    if source.daily:
        day = F.regexp_extract(FILE, date_pattern(spark, uri(root, source.path)), 1).cast("date")
    return _Counted(
        [FileGroup(group.frame.withColumn(DELIVERED, day), group.files) for group in groups if group.files], records
    )


def _delta_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> _Counted:
    [folder] = files
    try:
        frame = spark.read.format("delta").load(folder.path)
        empty = frame.isEmpty()
    except AnalysisException as error:
        raise OperatorError(f"{where}: cannot read {folder.shown} as delta: {one_line(error)}") from None
    rows = _with_row(frame.select("*", file_name()), [])
    return _Counted([FileGroup(rows, [folder.shown])], {folder.key: int(not empty)})


def _parquet_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> _Counted:
    with ThreadPoolExecutor(8) as threads:
        footers = list(threads.map(lambda file: _footer(spark, file), files))
    by_schema: dict[str, list[int]] = {}
    for i, (schema, _) in enumerate(footers):
        by_schema.setdefault(str(schema.toString()), []).append(i)
    groups = []
    for members in by_schema.values():
        schema, nanoseconds = _parquet_schema(spark, where, source, footers[members[0]][0], files[members[0]])
        frame = spark.read.schema(schema).parquet(*[literal(files[i]) for i in members]).select("*", file_name())
        frame = frame.withColumns({name: _from_nanoseconds(name, zoned) for name, zoned in nanoseconds.items()})
        groups.append(FileGroup(_with_row(frame, [files[i] for i in members]), [files[i].shown for i in members]))
    return _Counted(groups, {file.key: count for file, (_, count) in zip(files, footers, strict=True)})


def _footer(spark: SparkSession, file: SourceFile) -> tuple[Any, int]:
    """(Parquet schema, number of rows) of a file."""
    jvm: Any = spark._jvm
    parquet = jvm.org.apache.parquet.hadoop
    try:
        path = jvm.org.apache.hadoop.fs.Path(file.path)
        status = parquet.util.HadoopInputFile.fromPath(path, spark._jsc.hadoopConfiguration())
        reader = parquet.ParquetFileReader.open(status)
        found = reader.getFileMetaData().getSchema(), reader.getRecordCount()
        reader.close()
    except Py4JJavaError as error:
        raise broken_file(file.shown, str(error.java_exception.getMessage())) from None
    return found


def _parquet_schema(
    spark: SparkSession, where: str, source: SourceConf, parquet: Any, file: SourceFile
) -> tuple[StructType, dict[str, bool]]:
    """The columns that Spark can read, and those in nanoseconds: whether they are instants (or local times).

    Spark reads nanoseconds as numbers. A column of a type that Spark does not know is left out, and so are columns that
    differ in case only: Spark could not tell them apart.
    """
    jvm: Any = spark._jvm
    convert = jvm.org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter(
        spark._jsparkSession.sessionState().conf()
    ).convert
    names = [field.getName() for field in parquet.getFields()]
    alike = _alike(where, source, names, file)
    fields: list[StructField] = []
    nanoseconds: dict[str, bool] = {}
    for field in parquet.getFields():
        single = jvm.java.util.ArrayList()
        single.add(field)
        try:
            converted = json.loads(convert(jvm.org.apache.parquet.schema.MessageType("one", single)).json())
        except Py4JJavaError:
            continue
        if field.getName() in alike or field.getName() in ADDED:
            continue
        fields += StructType.fromJson(converted).fields
        kind = str(field.getLogicalTypeAnnotation()) if field.isPrimitive() else ""
        if kind.startswith("TIMESTAMP(NANOS"):
            nanoseconds[field.getName()] = "true" in kind
    return StructType(fields), nanoseconds


def _from_nanoseconds(name: str, zoned: bool) -> Column:
    micros = F.expr(f"{_quoted(name)} div 1000")
    if zoned:
        return F.timestamp_micros(micros)
    seconds = (micros.cast("decimal(20,0)") / F.lit(1_000_000)).cast("decimal(18,6)")
    return F.expr("timestamp_ntz'1970-01-01'") + F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), seconds)


def _with_row(frame: DataFrame, files: list[SourceFile]) -> DataFrame:
    """Adds the columns that the files' folders tell, ROW, and BROKEN, which is null."""
    rows = _with_partitions(frame, files)
    names = [name for name in rows.columns if name not in ADDED]
    row = F.to_json(F.struct(*[F.col(_quoted(name)) for name in names]))
    return rows.withColumns({ROW: row, BROKEN: F.lit(None).cast("string")})


def _with_partitions(frame: DataFrame, files: list[SourceFile]) -> DataFrame:
    """Adds a text column for each `name=value` folder that all files lie in, unless there is such a column."""
    in_paths = [re.findall(r"/([A-Za-z_]\w*)=[^/]*(?=/)", file.key) for file in files]
    shared = [name for name in in_paths[0] if all(name in names for names in in_paths)] if in_paths else []
    present = {name.lower() for name in frame.columns}
    values = {
        name: F.nullif(
            F.try_url_decode(F.regexp_extract(FILE, f"/{name}=([^/]*)/", 1)), F.lit("__HIVE_DEFAULT_PARTITION__")
        )
        for name in shared
        if name.lower() not in present
    }
    return frame.withColumns(values) if values else frame


def _alike(where: str, source: SourceConf, names: Iterable[str], file: SourceFile) -> set[str]:
    """Column names that differ in case only.

    Raises:
        OperatorError: the mapping names one of them.
    """
    spelled: dict[str, list[str]] = {}
    for name in names:
        spelled.setdefault(name.lower(), []).append(name)
    alike = {name for group in spelled.values() if len(group) > 1 for name in group}
    mapping = " ".join([*source.columns.values(), *source.attributes.values(), *source.sensitive.values(),
                        *source.exclude.values(), source.where or ""])  # fmt: skip
    for name in sorted(alike):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", mapping, re.IGNORECASE):
            raise OperatorError(
                f"{where}: {file.shown} names a column twice: {', '.join(spelled[name.lower()])}; rename one of them"
            )
    return alike


def _csv_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> _Counted:
    heads = {file: _head(spark, where, source, file) for file in files}
    by_columns: dict[tuple[tuple[str, ...], str], list[SourceFile]] = {}
    for file, head in heads.items():
        if head.names:
            by_columns.setdefault((head.names, head.delimiter), []).append(file)
    groups, counts = [], dict.fromkeys((file.key for file in files), 0)
    for (names, delimiter), members in by_columns.items():
        grammar = CsvGrammar(delimiter, source.quote, source.escape)
        head_lines = {file.key: [line for line in heads[file].lines if line.strip()] for file in members}
        is_head = F.col("value").isin(*{line for lines in head_lines.values() for line in lines} or {""})
        found = looked_through(read_lines(spark, source.encoding, members), _is_csv_record(grammar), is_head)
        skipped = {file.key: len(heads[file].lines) for file in members}
        whole = [f for f in members if not found[f.key].plain or found[f.key].heads != len(head_lines[f.key])]
        records = plain_records(
            read_lines(spark, source.encoding, [f for f in members if f not in whole]).where(~is_head)
        )
        if whole:
            records = records.unionByName(
                records_of_files(read_lines(spark, source.encoding, whole), _csv_splitter(grammar, len(names), skipped))
            )
        rows = _csv_rows(where, source, grammar, names, records, members[0])
        groups.append(FileGroup(_with_partitions(rows, members), [file.shown for file in members]))
        counts |= {file.key: found[file.key].lines - len(head_lines[file.key]) for file in members}
    return _Counted(groups, counts)


def _is_csv_record(grammar: CsvGrammar) -> Column:
    """Whether the line in `value` is a record by itself."""
    value = F.col("value")
    unquoted = ~F.contains(value, F.lit(grammar.quote))
    if grammar.escape != grammar.quote:
        # Only the generators of libs.ingest.records know other escapes than a doubled quote.
        return ~F.contains(value, F.lit(grammar.escape)) & (unquoted | value.rlike(rf"^(?:{grammar.record})\z"))
    return unquoted | value.rlike(rf"^(?:{grammar.record})\z")


def _csv_splitter(grammar: CsvGrammar, columns: int, skipped: dict[str, int]) -> Splitter:
    """Splits a file's lines into records, after as many lines as its header takes."""

    def split(file: str, lines: Iterator[str]) -> Iterator[tuple[str, str, bool]]:
        for record, bad in csv_records(islice(lines, skipped[file], None), grammar, columns):
            yield record, record if bad or grammar.escape == grammar.quote else grammar.rewritten(record), bad

    return split


def _csv_rows(
    where: str, source: SourceConf, grammar: CsvGrammar, names: tuple[str, ...], records: DataFrame, file: SourceFile
) -> DataFrame:
    text, quote = F.col(TEXT), grammar.quote
    # Excel ends lines with more delimiters than the header has.
    longer = f"^((?:{grammar.field}{grammar.sep}){{{len(names) - 1}}}{grammar.field})(?:{grammar.sep}[ \t]*+)++$"
    trimmed = F.when(text.endswith(grammar.delimiter), F.regexp_replace(text, longer, "$1")).otherwise(text)
    options = {"sep": grammar.delimiter, "quote": quote, "escape": quote, "mode": "PERMISSIVE",
               "columnNameOfCorruptRecord": BROKEN, "maxCharsPerColumn": "-1", "ignoreLeadingWhiteSpace": "true",
               "ignoreTrailingWhiteSpace": "true"}  # fmt: skip
    ignored = _alike(where, source, names, file)
    columns = [name for name in names if name not in ignored and name not in ADDED]
    # The parser needs a field for each column of the file, each with a name of its own.
    fields = ", ".join([*(f"c{i} string" for i in range(len(names))), f"{BROKEN} string"])
    parsed = records.select(F.from_csv(trimmed, fields, options).alias("__parsed"), ROW, BAD, FILE)
    return parsed.select(
        *[F.col(f"__parsed.c{names.index(name)}").alias(name) for name in columns],
        ROW,
        F.when(F.col(BAD), F.col(ROW)).otherwise(F.col(f"__parsed.{BROKEN}")).alias(BROKEN),
        FILE,
    )


def _json_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> _Counted:
    is_record = F.col("value").rlike(f"^{JSON_RECORD}\\z")
    found = looked_through(read_lines(spark, source.encoding, files), is_record, F.lit(False))
    whole = [file for file in files if not found[file.key].plain]
    records = plain_records(read_lines(spark, source.encoding, [file for file in files if file not in whole]))
    if whole:
        records = records.unionByName(records_of_files(read_lines(spark, source.encoding, whole), _split_json))
    rows = _json_rows(records, _json_schema(spark, records))
    group = FileGroup(_with_partitions(rows, files), [file.shown for file in files])
    return _Counted([group], {file.key: found[file.key].lines for file in files})


def _split_json(_: str, lines: Iterator[str]) -> Iterator[tuple[str, str, bool]]:
    return ((record, record, bad) for record, bad in json_records(lines))


def _json_rows(records: DataFrame, schema: StructType) -> DataFrame:
    """The keys as columns. Keys that differ in case only are one column: names are the same in any case in SQL."""
    fields = schema.fields
    parsed = _parsed_json([*fields, StructField(BROKEN, StringType())], {"columnNameOfCorruptRecord": BROKEN})
    spelled: dict[str, list[int]] = {}
    for i, field in enumerate(fields):
        spelled.setdefault(field.name.lower(), []).append(i)
    rows = records.select(parsed.alias("__parsed"), ROW, BAD, FILE)
    keys = {
        fields[alike[0]].name: F.coalesce(
            *[F.col(f"__parsed.k{i}") for i in alike if fields[i].dataType == fields[alike[0]].dataType]
        )
        for alike in spelled.values()
    }
    return rows.select(
        *[value.alias(name) for name, value in keys.items()],
        ROW,
        F.when(F.col(BAD), F.col(ROW)).otherwise(F.col(f"__parsed.k{len(fields)}")).alias(BROKEN),
        FILE,
    )


def _parsed_json(fields: list[StructField], options: dict[str, str] | None = None) -> Column:
    """`__text` parsed; the fields are named k0, k1, ..., since a struct's fields must differ in more than case."""
    numbered = StructType([StructField(f"k{i}", field.dataType) for i, field in enumerate(fields)])
    return F.from_json(TEXT, StructType(fields), options).cast(numbered)


def _json_schema(spark: SparkSession, records: DataFrame) -> StructType:
    """The schema of JSON records, numbers and booleans as strings: one odd value then changes no column's type.

    A key whose values are arrays or objects in most records has that type: a record with another value is broken.
    Spark alone would read all of them as strings then.
    """
    good = records.where(~F.col(BAD)).select(F.col(TEXT))
    fields = {field.name: field.dataType for field in _inferred(spark, good) if field.name not in ADDED}
    plain = [name for name, kind in fields.items() if isinstance(kind, StringType)]
    if plain:
        shapes = {"arrays": ArrayType(StringType()), "objects": MapType(StringType(), StringType())}
        parsed = [
            _parsed_json([StructField(name, shape) for name in plain]).alias(label)
            for label, shape in [*shapes.items(), ("values", StringType())]
        ]
        shaped = good.limit(_SHAPED_ROWS).select(TEXT, *parsed)
        count = shaped.agg(
            *[
                F.count(F.col(f"{label}.k{i}")).alias(f"{label} {i}")
                for i in range(len(plain))
                for label in (*shapes, "values")
            ]
        ).first()
        for i, name in enumerate(plain):
            for label in shapes:
                if count is not None and 2 * count[f"{label} {i}"] > count[f"values {i}"]:
                    of_shape = shaped.where(F.col(f"{label}.k{i}").isNotNull()).select(TEXT)
                    fields[name] = _inferred(spark, of_shape)[name].dataType
    return StructType([StructField(name, kind) for name, kind in fields.items()])


def _inferred(spark: SparkSession, texts: DataFrame) -> StructType:
    jvm: Any = spark._jvm
    strings = getattr(texts.select(F.make_valid_utf8(TEXT))._jdf, "as")(jvm.org.apache.spark.sql.Encoders.STRING())
    reader = spark.read.option("primitivesAsString", True).option("columnNameOfCorruptRecord", BROKEN)
    return DataFrame(reader._jreader.json(strings), spark).schema


def _head(spark: SparkSession, where: str, source: SourceConf, file: SourceFile) -> _Head:
    """A CSV file's column names, the lines up to the end of its header, and its delimiter.

    Names are stripped; a blank one among others is `column_N`, as a data frame's index has none; blank ones at the end
    are dropped. A file without a line has no names.
    """
    if source.header:
        return _Head(source.header, (), source.delimiter)
    text = decoded(first_bytes(spark, file), source.encoding).lstrip("\ufeff")
    lines = re.split(r"\r\n|\r|\n", text)
    delimiter, skipped = source.delimiter, 0
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    if skipped < len(lines) and (separator := _SEPARATOR_LINE.fullmatch(lines[skipped])):
        delimiter, skipped = separator[1], skipped + 1
    grammar = CsvGrammar(delimiter, source.quote, source.escape)
    header, bad = next(csv_records(lines[skipped:], grammar), ("", False))
    if bad:
        raise OperatorError(
            f"{where}: the header of {file.shown} has a quote that is not closed: {header[:_QUOTED_CHARS]}"
        )
    names = [name.strip() for name in grammar.fields(header)]
    while names and not names[-1]:
        names.pop()
    named = tuple(name or f"column_{i}" for i, name in enumerate(names, 1))
    blank = next((i for i, line in enumerate(lines[skipped:]) if line.strip()), 0)
    return _Head(named, tuple(lines[: skipped + blank + header.count("\n") + 1]) if named else (), delimiter)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
