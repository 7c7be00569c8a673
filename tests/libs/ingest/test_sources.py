"""A source of any format, packed or not, in any encoding, gives the same rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.files import uri
from libs.ingest.groups import ADDED, BROKEN, DELIVERED
from libs.ingest.sources import read_source
from libs.window import Window

WINDOW = Window(date(2020, 1, 1), date(2020, 1, 3))
ROWS = [("a", "绿茶，礼盒"), ("b", 'says "hi"')]
CSV = 'id,name\r\na,"绿茶，礼盒"\r\n\r\nb,"says ""hi"""\r\n'
JSON = "\n".join(json.dumps({"id": i, "name": n}, ensure_ascii=False) for i, n in ROWS)


def source(path: str, form: str, **other: object) -> SourceConf:
    columns = {"product_id": "id"}
    return SourceConf.model_validate({"kind": "products", "path": path, "format": form, "columns": columns} | other)


def read(spark: SparkSession, root: Path, conf: SourceConf) -> list[tuple[str, str]]:
    [group] = read_source(spark, root, "conf/shops/x.yaml: sources.s", conf, WINDOW, lambda _: True) or []
    frame = group.frame
    assert set(ADDED) < set(frame.columns)
    return sorted((row.id, row.name) for row in frame.where(f"{BROKEN} is null").select("id", "name").collect())


def parquet(_: SparkSession, path: Path) -> None:
    pq.write_table(pa.table({"id": ["a", "b"], "name": [name for _, name in ROWS]}), path)


def delta_table(spark: SparkSession, path: Path) -> None:
    spark.createDataFrame(ROWS, "id string, name string").write.format("delta").save(path.as_uri())


def packed(text: str, encoding: str = "utf-8") -> Callable[[SparkSession, Path], None]:
    return lambda _, path: path.write_bytes(gzip.compress(text.encode(encoding))) and None


def plain(text: str, encoding: str = "utf-8") -> Callable[[SparkSession, Path], None]:
    return lambda _, path: path.write_bytes(text.encode(encoding)) and None


@pytest.mark.parametrize(
    ("name", "write", "form", "other"),
    [
        ("p.csv", plain(CSV), "csv", {}),
        ("mark.csv", plain(CSV, "utf-8-sig"), "csv", {}),
        ("p.csv.gz", packed(CSV), "csv", {}),
        ("chinese.csv", plain(CSV, "gb18030"), "csv", {"encoding": "gb18030"}),
        ("undeclared.csv", plain(CSV, "gb18030"), "csv", {}),
        ("tabs.csv", plain(CSV.replace("id,", "id\t").replace('a,"', 'a\t"').replace("b,", "b\t")), "csv", {"delimiter": "\t"}),
        ("whole.csv", plain(CSV), "csv", {"multiline": True}),
        ("p.jsonl", plain(JSON), "jsonl", {}),
        ("p.jsonl.gz", packed(JSON), "jsonl", {}),
        ("chinese.jsonl", plain(JSON, "gb18030"), "jsonl", {"encoding": "gb18030"}),
        ("p.parquet", parquet, "parquet", {}),
        ("table", delta_table, "delta", {}),
    ],
)  # fmt: skip
def test_formats_and_encodings_give_the_same_rows(
    spark: SparkSession,
    tmp_path: Path,
    name: str,
    write: Callable[[SparkSession, Path], None],
    form: str,
    other: dict[str, object],
) -> None:
    write(spark, tmp_path / name)
    assert read(spark, tmp_path, source(name, form, **other)) == ROWS


def test_quoted_line_breaks_are_text(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('id,name\na,"one\ntwo"\n')
    assert read(spark, tmp_path, source("p.csv", "csv")) == [("a", "one\ntwo")]


def test_each_days_rows_carry_the_date_of_their_file(spark: SparkSession, tmp_path: Path) -> None:
    for day in ("2020-01-01", "2020-01-02", "2020-01-03"):
        (tmp_path / f"new {day}").mkdir()
        (tmp_path / f"new {day}" / f"{day}.csv").write_text(f"id,name\n{day},x\n")
    conf = source("new {date}/{date}.csv", "csv")
    [group] = read_source(spark, tmp_path, "w", conf, WINDOW, lambda _: True) or []
    found = sorted((row.id, str(row[DELIVERED])) for row in group.frame.collect())
    assert found == [("2020-01-01", "2020-01-01"), ("2020-01-02", "2020-01-02")]


def test_files_of_one_source_may_have_other_columns_order_and_case(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,name\na,x\n")
    (tmp_path / "2.csv").write_text("Name, ID\ny,b\n")
    groups = read_source(spark, tmp_path, "w", source("*.csv", "csv"), WINDOW, lambda _: True) or []
    assert [row for group in groups for row in group.frame.select("id", "name").collect()] == [("a", "x"), ("b", "y")]


def test_what_is_no_delta_table_is_refused_in_one_line(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "1.csv").write_text("id\n1\n")
    with pytest.raises(OperatorError) as caught:
        read_source(spark, tmp_path, "w", source("table", "delta"), WINDOW, lambda _: True)
    assert str(caught.value).startswith(f"w: cannot read file://{tmp_path}/table as delta: ")
    assert "\n" not in str(caught.value)


def test_a_path_is_relative_to_the_project_unless_it_has_a_scheme(tmp_path: Path) -> None:
    assert uri(Path("/shop/code"), "../data/x.csv") == "file:///shop/data/x.csv"
    assert uri(Path("/shop/code"), "/data/x y.csv") == "file:///data/x y.csv"
    assert uri(Path("/shop/code"), "s3a://bucket/x.csv") == "s3a://bucket/x.csv"
