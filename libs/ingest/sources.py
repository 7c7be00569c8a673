"""A shop's source files as DataFrames: every record as delivered, including records that cannot be read.

Files of one source may differ in columns, types, encoding or order. They are read in groups of one schema each, and
each group is mapped for itself (libs.ingest.mapping), so that no type has to hold for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.csv_groups import csv_groups
from libs.ingest.files import SourceFile, as_file, date_pattern, files_at, readable, uri
from libs.ingest.groups import DELIVERED, Counted, FileGroup, one_line
from libs.ingest.json_groups import json_groups
from libs.ingest.lines import FILE, file_name
from libs.ingest.parquet_groups import parquet_groups, with_row
from libs.window import Window

IsOpen = Callable[[date], bool]


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


def _groups(spark: SparkSession, root: Path, where: str, source: SourceConf, files: list[SourceFile]) -> Counted:
    read = {"csv": csv_groups, "jsonl": json_groups, "parquet": parquet_groups, "delta": _delta_groups}
    with readable(spark):
        groups, records = read[source.format](spark, where, source, files)
    day = F.lit(None).cast("date")
    if source.daily:
        day = F.regexp_extract(FILE, date_pattern(spark, uri(root, source.path)), 1).cast("date")
    return Counted(
        [FileGroup(group.frame.withColumn(DELIVERED, day), group.files) for group in groups if group.files], records
    )


def _delta_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> Counted:
    [folder] = files
    try:
        frame = spark.read.format("delta").load(folder.path)
        empty = frame.isEmpty()
    except AnalysisException as error:
        raise OperatorError(f"{where}: cannot read {folder.shown} as delta: {one_line(error)}") from None
    rows = with_row(frame.select("*", file_name()), [])
    return Counted([FileGroup(rows, [folder.shown])], {folder.key: int(not empty)})
