"""Lines of source files as records, in parallel as far as the lines of a file are records by themselves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from libs.ingest.cleaning import as_utf8, decoded
from libs.ingest.files import SourceFile, literal

# The record as delivered; its text for the parser; whether it breaks the grammar; its file.
ROW, TEXT, BAD, FILE = RECORD = ("__row", "__text", "__bad", "__file")
Splitter = Callable[[str, Iterator[str]], Iterator[tuple[str, str, bool]]]  # file, its lines -> (ROW, TEXT, BAD)
_CHUNK = 5_000  # records that a worker hands on at a time


class LookedThrough(NamedTuple):
    lines: int  # that are not blank
    plain: bool  # each of them is a record by itself
    heads: int  # of them that look like the header


def read_lines(spark: SparkSession, encoding: str, files: list[SourceFile]) -> DataFrame:
    """value, decoded; FILE; and where it stands in its file: (__block, __at). All lines, also blank ones."""
    wide = [literal(file) for file in files if file.wide]
    narrow = [literal(file) for file in files if not file.wide]
    place = [file_name(), F.col("_metadata.file_block_start").alias("__block")]
    frames = []
    if narrow:
        lines = spark.read.text(narrow).select("value", *place, F.monotonically_increasing_id().alias("__at"))
        frames.append(lines.withColumn("value", as_utf8(F.col("value"), encoding)))
    if wide:
        # Bytes of such an encoding cannot be split at line ends: each file is decoded in one piece.
        whole = spark.read.text(wide, wholetext=True).select("value", *place)
        lines = F.posexplode(_decoded_lines(F.col("value").cast("binary"), encoding)).alias("__at", "value")
        frames.append(
            whole.select(lines, FILE, "__block").select("value", FILE, "__block", F.col("__at").cast("bigint"))
        )
    if not frames:
        return spark.createDataFrame([], f"value string, {FILE} string, __block bigint, __at bigint")
    return reduce(DataFrame.unionByName, frames)


def _decoded_lines(raw: Column, encoding: str) -> Column:
    @F.pandas_udf("array<string>")  # type: ignore[untyped-decorator, unused-ignore]
    def split(files: pd.Series) -> pd.Series:
        return files.map(lambda file: re.split(r"\r\n|\r|\n", decoded(bytes(file), encoding)))

    return split(raw)


def looked_through(lines: DataFrame, is_record: Column, is_head: Column) -> dict[str, LookedThrough]:
    """By file. One row a file comes to the driver."""
    filled = lines.where(F.trim("value") != "")
    counts = filled.groupBy(FILE).agg(F.count("*"), F.bool_and(is_record), F.count_if(is_head)).collect()
    found = {row[0]: LookedThrough(row[1], row[2], row[3]) for row in counts}
    return defaultdict(lambda: LookedThrough(0, True, 0), found)


def plain_records(lines: DataFrame) -> DataFrame:
    """The records of files each line of which is one."""
    filled = lines.where(F.trim("value") != "")
    return filled.select(F.col("value").alias(ROW), F.col("value").alias(TEXT), F.lit(False).alias(BAD), FILE)


def records_of_files(lines: DataFrame, split: Splitter) -> DataFrame:
    """The records of files in which a line may be part of a record, or several: each file's lines in their order."""

    def records(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        placed = (pair for batch in batches for pair in zip(batch[FILE], batch["value"], strict=True))
        for file, of_file in groupby(placed, key=itemgetter(0)):
            split_records = split(file, (line for _, line in of_file))
            while chunk := list(islice(split_records, _CHUNK)):
                yield pd.DataFrame([(row, text, bad, file) for row, text, bad in chunk], columns=list(RECORD))

    ordered = lines.repartition(F.col(FILE)).sortWithinPartitions(FILE, "__block", "__at").select(FILE, "value")
    return ordered.mapInPandas(records, f"{ROW} string, {TEXT} string, {BAD} boolean, {FILE} string")


def file_name() -> Column:
    return F.col("_metadata.file_path").alias(FILE)
