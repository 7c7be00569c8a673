"""Files of JSON objects as one group: the keys of all records are its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from libs.conf.shop import SourceConf
from libs.ingest.files import SourceFile, first_bytes, is_wide
from libs.ingest.groups import ADDED, BROKEN, Counted, FileGroup, with_partitions
from libs.ingest.lines import BAD, FILE, ROW, TEXT, looked_through, plain_records, read_lines, records_of_files
from libs.ingest.records import JSON_RECORD, json_records

_SHAPED_ROWS = 10_000  # records that say whether a key holds arrays, objects or plain values


def json_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> Counted:
    heads = first_bytes(spark, files)
    files = [f._replace(wide=is_wide(source.encoding, head)) for f, head in zip(files, heads, strict=True)]
    is_record = F.col("value").rlike(f"^{JSON_RECORD}\\z")
    found = looked_through(read_lines(spark, source.encoding, files), is_record, F.lit(False))
    whole = [file for file in files if not found[file.key].plain]
    counts: dict[str, int] = {}
    records = plain_records(read_lines(spark, source.encoding, [file for file in files if file not in whole]))
    if whole:
        split = records_of_files(read_lines(spark, source.encoding, whole), _split_json)
        records = records.unionByName(split)
        # A line may hold several records, or none, as an empty array's.
        counts = dict.fromkeys((file.key for file in whole), 0) | {
            row[0]: row[1] for row in split.groupBy(FILE).count().collect()
        }
    counts = {file.key: found[file.key].lines for file in files} | counts
    if not any(counts.values()):
        return Counted([], counts)
    rows = _json_rows(records, _json_schema(spark, records))
    return Counted([FileGroup(with_partitions(rows, files), [file.shown for file in files])], counts)


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
