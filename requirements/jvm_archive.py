"""What a night asks of Spark and Delta, on a few rows: the classes that it loads go into the JVM's archive."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from libs.conf import conf_root, load
from libs.spark.session import build_session


def main(folder: Path) -> None:
    spark = build_session(load(conf_root(), "dev", None).env, "reasonrec class archive")
    table, lines = f"{folder.as_uri()}/table", f"{folder.as_uri()}/lines"
    rows = spark.range(200).selectExpr(
        "id", "id % 7 AS shelf", "cast(id AS decimal(12, 2)) AS price", "array(id) AS list"
    )
    rows.write.json(lines)
    spark.read.schema("id bigint, shelf bigint, price decimal(12, 2), list array<bigint>").json(lines).createTempView(
        "lines"
    )
    spark.table("lines").write.format("delta").partitionBy("shelf").save(table)
    old = spark.read.format("delta").load(table)
    ranked = old.withColumn("rank", F.row_number().over(Window.partitionBy("shelf").orderBy("price", "id")))
    some = (
        ranked.join(old.groupBy("shelf").agg(F.sum("price").alias("sum")), "shelf")
        .where("rank <= 3")
        .select(old.columns)
    )
    some.write.format("delta").mode("overwrite").option("replaceWhere", "shelf = 3 OR shelf != 3").save(table)
    merge = DeltaTable.forPath(spark, table).alias("old").merge(rows.alias("new"), "old.id = new.id")
    merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
    DeltaTable.forPath(spark, table).history(1).collect()
    with_pandas(spark, table)


def with_pandas(spark: SparkSession, table: str) -> None:
    frame = spark.read.format("delta").load(table).select("id", F.explode("list").alias("item"))
    frame.mapInPandas(lambda parts: parts, "id bigint, item bigint").toPandas()
    spark.createDataFrame([(1, "a")], "id int, name string").selectExpr("xxhash64(id)", "to_json(struct(*))").collect()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
