"""A shop's source files as DataFrames: every row as delivered, including rows that cannot be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import as_utf8
from libs.spark.errors import file_uri
from libs.window import Window

# Added to the source's columns: the row as delivered; the same if it cannot be read, else null; its file's {date}.
ROW, BROKEN, DELIVERED = "__row", "__broken", "__delivered"

IsOpen = Callable[[date], bool]
_LINE_FORMATS = ("csv", "jsonl")
_FILE = re.compile(r"reading file (\S+?)\.?\s|for file:? ?(?:FileStatus\{path=)?([^\s;]+)")
_CAUSE = re.compile(r"Caused by: [\w.$]+: (.+)")
_QUOTED_CHARS = 500  # characters of a header that an error quotes
_DATE_PLACEHOLDER = "0000-00-00"


def read_source(
    spark: SparkSession, root: Path, where: str, source: SourceConf, window: Window, is_open: IsOpen
) -> DataFrame | None:
    """The source's columns with ROW, BROKEN and DELIVERED; None if the shop was closed on all days of the window.

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
    paths = _paths(spark, root, where, source, window, is_open)
    if not paths:
        return None
    with readable(spark):
        try:
            frame = _rows(spark, where, source, paths)
        except AnalysisException as error:
            raise OperatorError(f"{where}: cannot read {paths[0]} as {source.format}: {one_line(error)}") from None
        if frame.isEmpty():
            raise OperatorError(
                f"{where}: source {where.rsplit('.', 1)[1]} has no rows in {paths[0]}; deliver it again"
            )
    if not source.daily:
        return frame.withColumn(DELIVERED, F.lit(None).cast("date")).drop("__file")
    day = F.regexp_extract("__file", _date_pattern(spark, uri(root, source.path)), 1)
    return frame.withColumn(DELIVERED, day.cast("date")).drop("__file")


def read_deliveries(spark: SparkSession, root: Path, where: str, source: SourceConf) -> DataFrame | None:
    """All rows of all of a source's files that still exist, with the file in DELIVERED; None if there is no file.

    Raises:
        OperatorError: as `read_source`.
    """
    full = uri(root, source.path)
    paths = _files(spark, full.replace("{date}", "*"))
    if not paths:
        return None
    with readable(spark):
        frame = _rows(spark, where, source, paths if source.daily else [full])
    return frame.withColumn(DELIVERED, F.col("__file")).drop("__file")


def uri(root: Path, path: str) -> str:
    """A path as a URI; one without a scheme is a file, relative to the project's root."""
    if re.match(r"[a-z][a-z0-9+.-]*:/", path):
        return path
    return "file://" + (root / path).resolve().as_posix()


@contextmanager
def readable(spark: SparkSession) -> Iterator[None]:
    """Turns any error about an unreadable file, whenever Spark notices it, into one line that names the file.

    Spark's log is off inside: Spark would print the stack traces of failed tasks, and the error is raised anyway.
    """
    spark.sparkContext.setLogLevel("OFF")
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        file = _FILE.search(str(error))
        if file is None:
            raise
        causes = _CAUSE.findall(str(error))
        cause = f" ({causes[-1].strip()[:160]})" if causes else ""
        raise OperatorError(
            f"cannot read {file_uri(file[1] or file[2])}: the file is broken{cause}; deliver it again, then rerun"
        ) from None
    finally:
        spark.sparkContext.setLogLevel("ERROR")


@contextmanager
def unchanged(spark: SparkSession, files: list[str]) -> Iterator[None]:
    """Raises OperatorError if a file changes while it is read: several passes must see the same rows.

    The tables written inside are then wrong; a rerun replaces them.
    """
    before = {file: _size_and_time(spark, file) for file in files}
    yield
    for file, size_and_time in before.items():
        if _size_and_time(spark, file) != size_and_time:
            raise OperatorError(f"{file_uri(file)} changed while it was read; run again when its delivery is complete")


def _size_and_time(spark: SparkSession, file: str) -> tuple[int, int] | None:
    """(bytes, modification time in ms); None if the file is gone."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(file))
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    if not system.exists(path):
        return None
    status = system.getFileStatus(path)
    return status.getLen(), status.getModificationTime()


def one_line(error: Exception) -> str:
    """Spark's message about an invalid plan, without error codes and without the printed plan."""
    message = re.sub(r"^\s*\[[A-Z0-9_.]+\]\s*", "", str(error))
    return " ".join(re.split(r"\s*SQLSTATE|\n\n|;\s*\n", message)[0].split())


def _paths(
    spark: SparkSession, root: Path, where: str, source: SourceConf, window: Window, is_open: IsOpen
) -> list[str]:
    full = uri(root, source.path)
    if not source.daily:
        if not _files(spark, full):
            raise OperatorError(f"{where}.path: no file at {full}; put it there, or correct the path")
        return [full]
    paths = []
    day = window.start
    while day < window.end:
        path = full.replace("{date}", day.isoformat())
        if _files(spark, path):
            paths.append(path)
        elif is_open(day):
            raise OperatorError(
                f"{where}.path: no file at {path}; deliver the day, or list it in closed_weekdays or closed_days"
            )
        day += timedelta(days=1)
    return paths


def _files(spark: SparkSession, path: str) -> list[str]:
    """Data files at a path, which may be a pattern or a folder."""
    jvm: Any = spark._jvm
    pattern = jvm.org.apache.hadoop.fs.Path(path)
    system = pattern.getFileSystem(spark._jsc.hadoopConfiguration())
    files: list[str] = []
    for status in system.globStatus(pattern) or []:
        entries = system.listStatus(status.getPath()) if status.isDirectory() else [status]
        files += [s.getPath().toString() for s in entries if not s.getPath().getName().startswith(("_", "."))]
    return sorted(files)


def _date_pattern(spark: SparkSession, full: str) -> str:
    """Regex whose first group is `{date}` in a file's path as Spark writes it."""
    jvm: Any = spark._jvm
    path = re.escape(jvm.org.apache.hadoop.fs.Path(full.replace("{date}", _DATE_PLACEHOLDER)).toUri().getRawPath())
    first, *others = path.replace(r"\*", "[^/]*").split(re.escape(_DATE_PLACEHOLDER))
    return r"\1".join([first + r"(\d{4}-\d{2}-\d{2})" + others[0], *others[1:]])


def _rows(spark: SparkSession, where: str, source: SourceConf, paths: list[str]) -> DataFrame:
    if source.format in _LINE_FORMATS and not source.multiline:
        return _lines(spark, where, source, paths)
    if source.format == "csv":
        names = _header(spark, where, source, paths)[0]
        options = {"header": True, "multiLine": True, "columnPruning": False, "encoding": source.encoding}
        frame = (
            spark.read.options(**options, **_csv(source)).schema(_strings(names)).csv(paths).select("*", _file_name())
        )
    else:
        reader = spark.read.format(source.format)
        frame = reader.load(paths if source.format == "parquet" else paths[0])
        frame = frame.select("*", F.lit(None).cast("string").alias(BROKEN), _file_name())
    columns = [name for name in frame.columns if name not in (BROKEN, "__file")]
    return frame.withColumn(ROW, F.to_json(F.struct(*[_quoted(name) for name in columns])))


def _lines(spark: SparkSession, where: str, source: SourceConf, paths: list[str]) -> DataFrame:
    """Rows of CSV or JSON lines, split into lines before parsing, so that a broken line affects no other."""
    if source.encoding.replace("-", "").lower().startswith(("utf16", "utf32")):
        raise OperatorError(
            f"{where}.encoding: {source.encoding} cannot be split into lines; convert the file to utf-8"
        )
    text = spark.read.text(paths).select(F.col("value"), _file_name()).where(F.trim("value") != "")
    lines = text.select(as_utf8(F.col("value"), source.encoding).alias(ROW), "__file")
    if source.format == "csv":
        names, headers = _header(spark, where, source, paths)
        parsed = F.from_csv(F.col(ROW), _strings(names), _csv(source))
        lines = lines.where(~F.col(ROW).isin(headers))
    else:
        parsed = F.from_json(F.col(ROW), _json_schema(spark, text), {"columnNameOfCorruptRecord": BROKEN})
    return lines.select(parsed.alias("__parsed"), ROW, "__file").select("__parsed.*", ROW, "__file")


def _csv(source: SourceConf) -> dict[str, str]:
    # As in RFC 4180, a quote inside quotes is doubled.
    return {"sep": source.delimiter, "quote": '"', "escape": '"', "mode": "PERMISSIVE",
            "columnNameOfCorruptRecord": BROKEN, "maxCharsPerColumn": "-1"}  # fmt: skip


def _strings(names: list[str]) -> str:
    return ", ".join(f"{_quoted(name)} string" for name in [*names, BROKEN])


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _file_name() -> Any:
    return F.col("_metadata.file_path").alias("__file")


def _json_schema(spark: SparkSession, text: DataFrame) -> StructType:
    """The schema of JSON lines with numbers and booleans as strings: one odd value then changes no column's type."""
    jvm: Any = spark._jvm
    valid = text.select(F.make_valid_utf8("value"))
    strings = getattr(valid._jdf, "as")(jvm.org.apache.spark.sql.Encoders.STRING())
    reader = spark.read.option("primitivesAsString", True).option("columnNameOfCorruptRecord", BROKEN)
    return DataFrame(reader._jreader.json(strings), spark).drop(BROKEN).schema.add(BROKEN, "string")


def _header(spark: SparkSession, where: str, source: SourceConf, paths: list[str]) -> tuple[list[str], list[str]]:
    """(column names, header lines). All files have the same columns; their header lines may be spelled differently."""
    names: list[str] = []
    headers: list[str] = []
    for path in [file for pattern in paths for file in _files(spark, pattern)]:
        with readable(spark):
            line = _first_line(spark, path, source.encoding)
        if line is None:
            raise OperatorError(f"{where}: {file_uri(path)} has no rows, not even a header; deliver it again")
        columns = next(csv.reader([line], delimiter=source.delimiter))
        if len({name.lower() for name in columns}) < len(columns):
            raise OperatorError(
                f"{where}: the header of {file_uri(path)} names a column twice: {', '.join(columns)[:_QUOTED_CHARS]}"
            )
        if names and columns != names:
            raise OperatorError(
                f"{where}: {file_uri(path)} has the columns {', '.join(columns)[:_QUOTED_CHARS]}, other files"
                f" {', '.join(names)[:_QUOTED_CHARS]}"
            )
        names = columns
        headers += [line] if line not in headers else []
    return names, headers


def _first_line(spark: SparkSession, path: str, encoding: str) -> str | None:
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    file = jvm.org.apache.hadoop.fs.Path(path)
    try:
        stream = file.getFileSystem(conf).open(file)
        codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf).getCodec(file)
        stream = codec.createInputStream(stream) if codec else stream
        # Latin-1 keeps each byte as it is; Python decodes the line below.
        line = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(stream, "ISO-8859-1")).readLine()
        stream.close()
    except Py4JJavaError as error:
        cause = " ".join(str(error.java_exception.getMessage()).split())
        raise OperatorError(
            f"cannot read {file_uri(path)}: the file is broken ({cause}); deliver it again, then rerun"
        ) from None
    return line.encode("latin-1").decode(encoding, "replace").lstrip("\ufeff") if line else None
