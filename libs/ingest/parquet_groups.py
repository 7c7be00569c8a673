"""Parquet files as groups: one for each schema."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from libs.conf.shop import SourceConf
from libs.ingest.files import SourceFile, broken_file, literal
from libs.ingest.groups import ADDED, BROKEN, Counted, FileGroup, alike, quoted, with_partitions
from libs.ingest.lines import ROW, file_name


def parquet_groups(spark: SparkSession, where: str, source: SourceConf, files: list[SourceFile]) -> Counted:
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
        groups.append(FileGroup(with_row(frame, [files[i] for i in members]), [files[i].shown for i in members]))
    return Counted(groups, {file.key: count for file, (_, count) in zip(files, footers, strict=True)})


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
    unclear = alike(where, source, names, file)
    fields: list[StructField] = []
    nanoseconds: dict[str, bool] = {}
    for field in parquet.getFields():
        single = jvm.java.util.ArrayList()
        single.add(field)
        try:
            converted = json.loads(convert(jvm.org.apache.parquet.schema.MessageType("one", single)).json())
        except (Py4JJavaError, AnalysisException):
            continue
        if field.getName() in unclear or field.getName() in ADDED:
            continue
        fields += StructType.fromJson(converted).fields
        kind = str(field.getLogicalTypeAnnotation()) if field.isPrimitive() else ""
        if kind.startswith("TIMESTAMP(NANOS"):
            nanoseconds[field.getName()] = "true" in kind
    return StructType(fields), nanoseconds


def _from_nanoseconds(name: str, zoned: bool) -> Column:
    micros = F.expr(f"{quoted(name)} div 1000")
    if zoned:
        return F.timestamp_micros(micros)
    seconds = (micros.cast("decimal(20,0)") / F.lit(1_000_000)).cast("decimal(18,6)")
    return F.expr("timestamp_ntz'1970-01-01'") + F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), seconds)


def with_row(frame: DataFrame, files: list[SourceFile]) -> DataFrame:
    """Adds the columns that the files' folders tell, ROW, and BROKEN, which is null."""
    rows = with_partitions(frame, files)
    names = [name for name in rows.columns if name not in ADDED]
    row = F.to_json(F.struct(*[F.col(quoted(name)) for name in names]))
    return rows.withColumns({ROW: row, BROKEN: F.lit(None).cast("string")})
