"""What any writer wrote comes back, or is quarantined; no record is lost, none is made up."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from libs.ingest.records import CsvGrammar, csv_records, json_records
from tests.benchmarks.deliveries import deliver, judge
from tests.benchmarks.delivery_cases import (
    REVIEW,
    Case,
    csv_bytes,
    json_rows,
    of_reviews,
    parquet_bytes,
    review,
    reviews,
)

LINE_END = re.compile(r"\r\n|\r|\n")  # as Spark splits lines
# No lone CR: a writer that quotes no more than it must leaves it bare, and then it ends a line for every reader.
PIECES = ['"', '""', "'", ",", ";", "\t", "|", "\\", "\n", "\r\n", " ", "a", "b9", "é", "绿", "😀", "\u2028", "\x85", "\x0b",
          "\x1c", "{", "}", "[", "]", ":", "NULL", "\\N", "\nu9,p9,2020-01-06,1,x,", '\n{"user_id": "u9"}\n']  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
lines = st.lists(st.text(alphabet='",;\\ab', max_size=12), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.lists(st.dictionaries(texts, values, max_size=4), min_size=1, max_size=6)
dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "escape": st.sampled_from(['"', "\\"]),
    }
)
# How programs write several JSON records into a file.
JSON_STYLES: dict[str, Callable[[list[Any], dict[str, Any]], str]] = {
    "lines": lambda rows, how: "\n".join(json.dumps(row, **how) for row in rows),
    "array": lambda rows, how: json.dumps(rows, **how),
    "printed array": lambda rows, how: json.dumps(rows, indent=2, **how),
    "array, a line a record": lambda rows, how: "[\n" + ",\n".join(json.dumps(row, **how) for row in rows) + "\n]",
    "one after another": lambda rows, how: "".join(json.dumps(row, **how) for row in rows),
    "printed": lambda rows, how: "\n".join(json.dumps(row, indent=1, **how) for row in rows),
}


def dialect_of(escape: str, **dialect: Any) -> dict[str, Any]:
    """Options of Python's csv module."""
    return dialect if escape == '"' else dialect | {"doublequote": False, "escapechar": escape}


def same_breaks(text: str | None) -> str:
    return LINE_END.sub("\n", text or "")


@settings(deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6), dialects)
def test_rows_of_any_csv_writer_are_its_records(rows: list[tuple[str, ...]], dialect: dict[str, Any]) -> None:
    text = csv_bytes(rows, None, **dialect_of(**dialect)).decode()
    grammar = CsvGrammar(dialect["delimiter"], escape=dialect["escape"])
    records = list(csv_records(LINE_END.split(text), grammar, 3))
    assert not any(bad for _, bad in records)
    # Blanks round a field without quotes are nobody's words.
    came_back = [tuple(value.strip(" \t") for value in grammar.fields(record)) for record, _ in records]
    assert came_back == [tuple(same_breaks(value).strip(" \t") for value in row) for row in rows]


@settings(deadline=None)
@given(lines)
def test_no_line_of_any_text_is_lost_and_good_records_are_strict_csv(lines: list[str]) -> None:
    records = list(csv_records(lines, CsvGrammar(",")))
    filled = [line for record, _ in records for line in record.split("\n") if line.strip()]
    assert filled == [line for line in lines if line.strip()]
    for record, bad in records:
        if not bad:
            assert next(csv.reader(io.StringIO(record, newline=""), strict=True)) == CsvGrammar(",").fields(record)


@settings(deadline=None)
@given(st.lists(st.text(alphabet=",ab'\\", min_size=1), min_size=1, max_size=8), st.data())
def test_an_unclosed_quote_takes_no_other_row_along(plain: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(plain) - 1))
    cut = data.draw(st.sampled_from([0, *(match.end() for match in re.finditer(",", plain[place]))]))
    broken = plain[place][:cut] + '"' + plain[place][cut:]
    records = list(csv_records([*plain[:place], broken, *plain[place + 1 :]], CsvGrammar(",")))
    assert records == [(broken, True) if i == place else (line, False) for i, line in enumerate(plain)]


@settings(deadline=None)
@given(objects, st.sampled_from(sorted(JSON_STYLES)), st.booleans())
def test_objects_of_any_json_writer_are_its_records(rows: list[dict[str, Any]], style: str, ascii: bool) -> None:
    text = JSON_STYLES[style](rows, {"ensure_ascii": ascii})
    records = list(json_records(LINE_END.split(text)))
    assert [json.loads(record) for record, _ in records] == rows
    assert not any(bad for _, bad in records)


@settings(deadline=None)
@given(objects, st.data())
def test_a_json_line_that_is_cut_off_takes_no_other_along(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    good = [json.dumps(row) for row in rows]
    cut = '{"user_id": "u9", "tags": ["a", {"b": "{"}], "body": "first\\n"}'
    bad = cut[: data.draw(st.integers(1, len(cut) - 1))]
    place = data.draw(st.integers(0, len(good)))
    records = list(json_records([*good[:place], bad, *good[place:]]))
    assert [json.loads(record) for record, is_bad in records if not is_bad] == rows
    assert [record for record, is_bad in records if is_bad] == [bad]


TABLES = 8  # of each format; all are read in one run


def drawn(strategy: st.SearchStrategy[Any], number: int) -> list[Any]:
    """Examples of a strategy, for a property whose every trial would cost a Spark job."""
    examples: list[Any] = []

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(example: Any) -> None:
        examples.append(example)

    draw()
    return examples


def written_csv(rows: list[tuple[Any, ...]], number: int, dialect: dict[str, Any]) -> tuple[str, bytes, dict[str, Any]]:
    """(file, its bytes, options of its source): a folder for each dialect that a source must name."""
    delimiter, escape = dialect["delimiter"], dialect["escape"]
    folder = f"csv-{ord(delimiter)}-{ord(escape)}"
    return (
        f"{folder}/{number}.csv",
        csv_bytes(rows, REVIEW, **dialect_of(**dialect)),
        {"delimiter": delimiter, "escape": escape, "format": "csv"},
    )


def written_json(
    rows: list[tuple[Any, ...]], number: int, style: tuple[str, bool]
) -> tuple[str, bytes, dict[str, Any]]:
    text = JSON_STYLES[style[0]](json_rows(rows), {"ensure_ascii": style[1]})
    return f"json/{number}.jsonl", text.encode(), {"format": "jsonl"}


def written_parquet(
    rows: list[tuple[Any, ...]], number: int, how: tuple[str, int]
) -> tuple[str, bytes, dict[str, Any]]:
    kind, group = how
    table = pa.Table.from_pylist(json_rows(rows))
    for name in ("title", "body"):
        column = table[name].cast(pa.string())
        column = column.dictionary_encode() if kind == "dictionary" else column.cast(kind)
        table = table.set_column(table.column_names.index(name), name, column)
    return f"parquet/{number}.parquet", parquet_bytes(table, row_group_size=group), {"format": "parquet"}


text_types = st.sampled_from(["string", "large_string", "dictionary"])


@pytest.mark.parametrize(
    ("write", "how"),
    [
        # Each delimiter and escape is a source of its own, and costs as much as a case.
        (
            written_csv,
            dialects.filter(lambda dialect: dialect["delimiter"] + dialect["escape"] in (',"', '\t"', ";\\")),
        ),
        (written_json, st.tuples(st.sampled_from(sorted(JSON_STYLES)), st.booleans())),
        (written_parquet, st.tuples(text_types, st.integers(1, 4))),
    ],
    ids=["csv", "json", "parquet"],
)
def test_random_tables_come_back_row_by_row(
    spark: SparkSession,
    tmp_path: Path,
    write: Callable[..., tuple[str, bytes, dict[str, Any]]],
    how: st.SearchStrategy[Any],
) -> None:
    fates = st.sampled_from(["silver"] * 5 + ["quarantined", "duplicates", "excluded"])
    tables = drawn(
        st.tuples(st.lists(st.tuples(st.none() | texts, st.none() | texts, fates), min_size=1, max_size=5), how), TABLES
    )
    files, sources, good, counts = {}, {}, [], dict.fromkeys(("silver", "quarantined", "duplicates", "excluded"), 0)
    for number, (table, style) in enumerate(tables):
        rows = []
        for place, (title, body, fate) in enumerate(table):
            of_fate = {"quarantined": {"rating": 9.0}, "excluded": {"product_id": f"none-{number}-{place}"}}
            row = review(number, body, title=title, **({"product_id": f"p-{number}-{place}"} | of_fate.get(fate, {})))
            rows += [row, row] if fate == "duplicates" else [row]
            good += [row] if fate in ("silver", "duplicates") else []
            counts["silver" if fate == "duplicates" else fate] += 1
            counts["duplicates"] += fate == "duplicates"
        path, content, options = write(rows, number, style)
        files[path] = content
        folder = path.split("/")[0]
        sources[folder] = reviews(folder, exclude={"none": "product_id like 'none%'"}, **options)["reviews"]
    case = Case("random", "random tables", files, sources, rows=of_reviews(good), quarantined={"": counts["quarantined"]},
                duplicates=counts["duplicates"], excluded=counts["excluded"], records=sum(counts.values()))  # fmt: skip
    verdict = judge(case, deliver(spark, [case], tmp_path)[0], tmp_path / case.name)
    assert (verdict.misses, verdict.lost, verdict.forged) == ([], 0, 0)
