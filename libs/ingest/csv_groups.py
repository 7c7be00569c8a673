"""CSV files as groups: one for each header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.cleaning import decoded
from libs.ingest.files import HEAD_BYTES, SourceFile, first_bytes, is_wide
from libs.ingest.groups import ADDED, BROKEN, Counted, FileGroup, alike, with_partitions
from libs.ingest.lines import (
    BAD,
    FILE,
    ROW,
    TEXT,
    Splitter,
    looked_through,
    plain_records,
    read_lines,
    records_of_files,
)
from libs.ingest.records import CsvGrammar, csv_records

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's, before the header
_QUOTED_CHARS = 500  # characters of a header that an error quotes


class _Head(NamedTuple):
    """Of a CSV file: its column names (none without a line), the lines to its header's end, and its delimiter."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    delimiter: str


def csv_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> Counted:
    heads: dict[SourceFile, _Head] = {}
    for file, raw in zip(files, first_bytes(spark, files), strict=True):
        heads[file._replace(wide=is_wide(source.encoding, raw))] = _head(where, source, file, raw)
    by_columns: dict[tuple[tuple[str, ...], str], list[SourceFile]] = {}
    for file, head in heads.items():
        if head.names:
            by_columns.setdefault((head.names, head.delimiter), []).append(file)
    groups, counts = [], dict.fromkeys((file.key for file in files), 0)
    for (names, delimiter), members in by_columns.items():
        grammar = CsvGrammar(delimiter, source.quote, source.escape)
        head_lines = {file.key: [line for line in heads[file].lines if line.strip(" ")] for file in members}
        is_head = F.col("value").isin(*{line for lines in head_lines.values() for line in lines} or {""})
        found = looked_through(read_lines(spark, source.encoding, members), _is_csv_record(grammar), is_head)
        whole = [f for f in members if not found[f.key].plain or found[f.key].heads != len(head_lines[f.key])]
        records = plain_records(
            read_lines(spark, source.encoding, [f for f in members if f not in whole]).where(~is_head)
        )
        if whole:
            split = _csv_splitter(grammar, len(names), {file.key: heads[file].lines for file in whole})
            records = records.unionByName(records_of_files(read_lines(spark, source.encoding, whole), split))
        rows = _csv_rows(where, source, grammar, names, records, members[0])
        groups.append(FileGroup(with_partitions(rows, members), [file.shown for file in members]))
        counts |= {file.key: found[file.key].lines - len(head_lines[file.key]) for file in members}
    return Counted(groups, counts)


def grammar_of(source: SourceConf) -> CsvGrammar:
    """How the source's CSV files are parted and quoted, where they do not say it themselves."""
    return CsvGrammar(source.delimiter, source.quote, source.escape)


def _is_csv_record(grammar: CsvGrammar) -> Column:
    """Whether the line in `value` is a record by itself."""
    value = F.col("value")
    record = ~F.contains(value, F.lit(grammar.quote)) | value.rlike(rf"^(?:{grammar.record})\z")
    if grammar.escape == grammar.quote:
        return record
    # Only the generators of libs.ingest.records know other escapes than a doubled quote.
    return ~F.contains(value, F.lit(grammar.escape)) & record


def _csv_splitter(grammar: CsvGrammar, columns: int, heads: dict[str, tuple[str, ...]]) -> Splitter:
    """Splits a file's lines into records, after the lines of its head. A header that comes again is a bad record."""

    def split(file: str, lines: Iterator[str]) -> Iterator[tuple[str, str, bool]]:
        head = heads[file]
        for record, broken in csv_records(islice(lines, len(head), None), grammar, columns):
            bad = broken or record in head
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
    ignored = alike(where, source, names, file)
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


def _head(where: str, source: SourceConf, file: SourceFile, raw: bytes) -> _Head:
    """A CSV file's column names, the lines up to the end of its header, and its delimiter.

    Names are stripped; a blank one among others is `column_N`, as a data frame's index has none; blank ones at the end
    are dropped. A file without a line has no names.
    """
    if source.header:
        return _Head(source.header, (), source.delimiter)
    if len(raw) == HEAD_BYTES and not is_wide(source.encoding, raw):
        raw = raw[: raw.rfind(b"\n") + 1] or raw  # the last line may end within a letter
    text = decoded(raw, source.encoding).lstrip("\ufeff")
    lines = re.split(r"\r\n|\r|\n", text)
    delimiter, skipped = source.delimiter, 0
    while skipped < len(lines) and not lines[skipped].strip(" "):
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
    blank = next((i for i, line in enumerate(lines[skipped:]) if line.strip(" ")), 0)
    return _Head(named, tuple(lines[: skipped + blank + header.count("\n") + 1]) if named else (), delimiter)
