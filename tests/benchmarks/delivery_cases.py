"""Odd deliveries, each with what must come of it: rows of silver, quarantine, exit status.

Most are files that databases, Excel, pandas, Firehose, MySQL or MongoDB write; some are written by people who would like
to forge a row. The rows written are the truth: nothing here is read by the code under test.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "cases"

ORDER = ("order_id", "user_id", "product_id", "event_time", "quantity", "price")
REVIEW = ("user_id", "product_id", "event_time", "rating", "title", "body")
PRODUCT = ("product_id", "title")
JANUARY = ("2020-01-01", "2020-02-01")
TWO_DAYS = ("2020-01-05", "2020-01-07")


@dataclass(frozen=True)
class Rows:
    """Rows of a silver table by some of its columns, users by the shop's ids; `either` may also be in quarantine."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    either: Sequence[tuple[Any, ...]] = ()


@dataclass(frozen=True)
class Case:
    """A delivery and what must come of it.

    Attributes:
        about: what is odd.
        files: bytes by path in the case's folder.
        sources: as in conf/shops, with paths in the case's folder.
        conf: other keys of the shop's file; a text is the whole file, `CASES/name` in it the case's folder.
        status, says: exit status, and words that the message must hold.
        rows: rows of silver by kind; all of the kind's rows.
        quarantined: how many rows, by words of their reason.
        either_quarantined: how many more may be quarantined.
        records: records of the files, where no other reader counts them rightly.
        may_split: a record that cannot be read may count as several, each in quarantine.
    """

    name: str
    about: str
    files: dict[str, bytes] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    conf: dict[str, Any] | str = field(default_factory=dict)
    window: tuple[str, str] = JANUARY
    status: int = 0
    says: tuple[str, ...] = ()
    rows: dict[str, Rows] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    either_quarantined: int = 0
    duplicates: int = 0
    excluded: int = 0
    records: int | None = None
    may_split: bool = False
    shared: bool = False

    def write(self, folder: Path) -> str:
        """Writes the files; gives the shop's YAML."""
        for path, content in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if self.shared:
            return (SHARED / self.name / "shop.yaml").read_text().replace("CASES/", f"{SHARED}/")
        if isinstance(self.conf, str):
            return self.conf.replace("CASES", str(folder))
        sources = {name: source | {"path": f"{folder}/{source['path']}"} for name, source in self.sources.items()}
        return yaml.safe_dump({"max_quarantine_share": 1.0} | self.conf | {"sources": sources}, allow_unicode=True)


def source(
    kind: str, path: str, columns: Iterable[str], mapping: dict[str, str] | None = None, **other: Any
) -> dict[str, Any]:
    """A source whose columns are called as the contract's, but for those of `mapping`."""
    ending = path.removesuffix(".gz").rsplit(".", 1)[-1]
    form = ending if ending in ("csv", "jsonl", "parquet") else "csv"
    return {"kind": kind, "path": path, "format": form, "columns": {c: c for c in columns} | (mapping or {})} | other


def orders(path: str = "orders.csv", mapping: dict[str, str] | None = None, **other: Any) -> dict[str, dict[str, Any]]:
    return {"orders": source("transactions", path, ORDER, mapping, **other)}


def reviews(
    path: str = "reviews.csv", mapping: dict[str, str] | None = None, **other: Any
) -> dict[str, dict[str, Any]]:
    return {"reviews": source("reviews", path, REVIEW, mapping, **other)}


def products(
    path: str = "products.csv", columns: Iterable[str] = PRODUCT, mapping: dict[str, str] | None = None, **other: Any
) -> dict[str, dict[str, Any]]:
    """A catalogue; with an order, as a shop needs one."""
    return {"products": source("products", path, columns, mapping, **other)} | orders("shop_orders.csv")


def order(number: int, user: str | None = "", day: int = 5, **other: Any) -> tuple[Any, ...]:
    """A good order; `user` defaults to one of its own."""
    row = {"order_id": f"o{number}", "user_id": f"u{number}" if user == "" else user, "product_id": "p1",
           "event_time": f"2020-01-{day:02d} 10:00:00", "quantity": 1, "price": 2.5} | other  # fmt: skip
    return tuple(row[c] for c in ORDER)


def review(number: int, body: str | None = "plain", **other: Any) -> tuple[Any, ...]:
    """A good review by user `u<number>`."""
    row = {"user_id": f"u{number}", "product_id": "p1", "event_time": "2020-01-05 10:00:00", "rating": 5.0,
           "title": "Fine", "body": body} | other  # fmt: skip
    return tuple(row[c] for c in REVIEW)


def of_orders(rows: Sequence[tuple[Any, ...]], **other: Any) -> dict[str, Rows]:
    return {"transactions": Rows(ORDER, rows, **other)}


def of_reviews(rows: Sequence[tuple[Any, ...]], **other: Any) -> dict[str, Rows]:
    return {"reviews": Rows(REVIEW, rows, **other)}


def of_products(rows: Sequence[tuple[Any, ...]], columns: tuple[str, ...] = PRODUCT, **other: Any) -> dict[str, Rows]:
    return {"products": Rows(columns, rows, **other)}


def csv_bytes(
    rows: Iterable[Sequence[Any]], header: Sequence[str] | None = ORDER, encoding: str = "utf-8", **dialect: Any
) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, **({"lineterminator": "\n"} | dialect))
    writer.writerows([*([header] if header else []), *rows])
    return out.getvalue().encode(encoding)


def text_bytes(*lines: str, header: Sequence[str] = ORDER, end: str = "\n") -> bytes:
    """CSV as typed: lines that no writer would write."""
    return "".join(line + end for line in (",".join(header), *lines)).encode()


def json_rows(rows: Iterable[Sequence[Any]], columns: Sequence[str] = REVIEW) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def json_bytes(rows: Iterable[dict[str, Any]], **other: Any) -> bytes:
    return "".join(json.dumps(row, **({"ensure_ascii": False} | other)) + "\n" for row in rows).encode()


def parquet_bytes(columns: dict[str, Any] | pa.Table, **other: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), out, **other)
    return out.getvalue()


def order_columns(rows: Sequence[tuple[Any, ...]], **other: Any) -> dict[str, Any]:
    """Orders by column; `other` replaces columns, None removes one."""
    columns: dict[str, Any] = {name: list(values) for name, values in zip(ORDER, zip(*rows, strict=True), strict=True)}
    return {name: values for name, values in (columns | other).items() if values is not None}


SHOP_ORDERS = {"shop_orders.csv": csv_bytes([order(1)])}


# Texts that look like the end of a field, of a line, of a file, or like a row.
HOSTILE = [
    "plain",
    'says "hi"',
    '"',
    '""',
    '"quoted"',
    'ends in a quote"',
    '"begins with one',
    'a "," b',
    'a";"b',
    '","',
    '\n"',
    '"\n',
    '""\n""',
    'first\nu9,p9,2020-01-06 10:00:00,1,Forged,row\nend',
    'first\nu9,p9,2020-01-06 10:00:00,1,Forged,"row"\nend',
    '"\nu9,p9,2020-01-06 10:00:00,1,Forged,row\n"',
    'first"\nu9,p9,2020-01-06 10:00:00,1,Forged,"row',
    "first\r\nu9;p9;2020-01-06 10:00:00;1;Forged;row\r\nend",
    "first\nu9\tp9\t2020-01-06 10:00:00\t1\tForged\trow\nend",
    "first\nu9|p9|2020-01-06 10:00:00|1|Forged|row\nend",
    "first\rlone return\rend",
    'first\n{"user_id": "u9", "product_id": "p9", "event_time": "2020-01-06 10:00:00", "rating": 1}\nend',
    '"}{"user_id": "u9", "product_id": "p9", "event_time": "2020-01-06 10:00:00", "rating": 1}',
    "],[{",
    ",".join(REVIEW),
    "\n" + ",".join(REVIEW) + "\n",
    "ends in a backslash\\",
    "\\",
    '\\"',
    'back\\"slash" quote\\\\',
    "\\n is no line break",
    "  blanks round it  ",
    ",", ";", "\t", "|", "'", "it's 5'10\" tall",
    "=1+1", "NULL", "\\N", "NA", "nan", "None",
    "separators \x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029 of other kinds",
    "绿茶，礼盒", "café", "cafe\u0301", "emoji 😀 here", "\ufeffmark first", "عربى", "fullwidth ＂quotes＂ ，comma",
    "x" * 3000 + '"' + "\n" * 50 + "y",
]  # fmt: skip
HOSTILE_REVIEWS = [review(n, text) for n, text in enumerate(HOSTILE)]
# Writers that quote no more than they must leave a lone CR as it is where lines end in LF: no reader can tell it from an end.
QUOTED_BREAKS = [row for row in HOSTILE_REVIEWS if not re.search(r"\r(?!\n)", row[5])]


def hostile(
    name: str, about: str, rows: Sequence[tuple[Any, ...]], content: bytes, path: str = "reviews.csv", **other: Any
) -> Case:
    return Case(name, about, {path: content}, reviews(path, **other), rows=of_reviews(rows))


def pandas_csv(rows: Sequence[tuple[Any, ...]], columns: Sequence[str] = REVIEW, **other: Any) -> bytes:
    out = io.StringIO(newline="")
    pd.DataFrame(rows, columns=list(columns)).to_csv(out, **({"index": False} | other))
    return out.getvalue().encode()


def hostile_cases() -> list[Case]:
    texts, lf = HOSTILE_REVIEWS, QUOTED_BREAKS
    objects = json_rows(texts)
    quoted, crlf = {"quoting": csv.QUOTE_ALL}, {"lineterminator": "\r\n"}
    backslash = {"doublequote": False, "escapechar": "\\"}
    return [
        hostile("hostile_csv_minimal_lf", "hostile texts by csv.writer, LF", lf, csv_bytes(lf, REVIEW)),
        hostile("hostile_csv_minimal_crlf", "hostile texts, CRLF", texts, csv_bytes(texts, REVIEW, **crlf)),
        hostile("hostile_csv_all_lf", "hostile texts, all quoted, LF", texts, csv_bytes(texts, REVIEW, **quoted)),
        hostile("hostile_csv_all_crlf", "hostile texts, all quoted, CRLF", texts, csv_bytes(texts, REVIEW, **quoted, **crlf)),
        hostile("hostile_csv_all_cr", "hostile texts, all quoted, CR", texts, csv_bytes(texts, REVIEW, **quoted, lineterminator="\r")),
        hostile("hostile_csv_nonnumeric", "hostile texts, all but numbers quoted", texts, csv_bytes(texts, REVIEW, quoting=csv.QUOTE_NONNUMERIC)),
        hostile("hostile_csv_semicolon", "hostile texts, semicolons", lf, csv_bytes(lf, REVIEW, delimiter=";"), delimiter="semicolon"),
        hostile("hostile_csv_tab", "hostile texts, tabs", lf, csv_bytes(lf, REVIEW, delimiter="\t"), delimiter="tab"),
        hostile("hostile_csv_pipe", "hostile texts, pipes", lf, csv_bytes(lf, REVIEW, delimiter="|"), delimiter="pipe"),
        hostile("hostile_csv_multiline", "hostile texts, multiline set", lf, csv_bytes(lf, REVIEW), multiline=True),
        hostile("hostile_csv_gz", "hostile texts, packed", lf, gzip.compress(csv_bytes(lf, REVIEW)), "reviews.csv.gz"),
        hostile("hostile_csv_backslash", "hostile texts, quotes escaped by a backslash", lf, csv_bytes(lf, REVIEW, **backslash), escape="\\"),
        hostile("hostile_csv_backslash_all", "hostile texts, all quoted, quotes escaped by a backslash", texts,
                csv_bytes(texts, REVIEW, **backslash, **quoted), escape="\\"),
        hostile("hostile_csv_single_quotes", "hostile texts in single quotes", lf, csv_bytes(lf, REVIEW, quotechar="'"), quote="'", escape="'"),
        hostile("hostile_csv_utf16", "hostile texts in UTF-16 with its mark, not declared", lf, csv_bytes(lf, REVIEW, "utf-16")),
        hostile("hostile_csv_gb18030", "hostile texts in GB18030, declared", lf, csv_bytes(lf, REVIEW, "gb18030"), encoding="gb18030"),
        hostile("hostile_pandas", "hostile texts by pandas", lf, pandas_csv(lf)),
        hostile("hostile_pandas_all_crlf", "hostile texts by pandas, all quoted", texts, pandas_csv(texts, **quoted, **crlf)),
        hostile("hostile_json_lines", "hostile texts as JSON lines", texts, json_bytes(objects), "reviews.jsonl"),
        hostile("hostile_json_ascii", "hostile texts as JSON lines, escaped", texts, json_bytes(objects, ensure_ascii=True), "reviews.jsonl"),
        hostile("hostile_json_array", "hostile texts as one JSON array", texts, json.dumps(objects).encode(), "reviews.jsonl"),
        hostile("hostile_json_pretty", "hostile texts as a printed JSON array", texts,
                json.dumps(objects, indent=2, ensure_ascii=False).encode(), "reviews.jsonl"),
        hostile("hostile_json_concatenated", "hostile texts as JSON records without line breaks", texts,
                b"".join(json.dumps(row).encode() for row in objects), "reviews.jsonl"),
        hostile("hostile_parquet", "hostile texts in Parquet", texts, parquet_bytes(pa.Table.from_pylist(objects)), "reviews.parquet"),
    ]  # fmt: skip


def shared_cases() -> list[Case]:
    """Those of ../shared/cases; what must come of them."""
    three = [order(n) for n in range(3)]
    of_day = {day: [order(n, day=day) for n in range(3)] for day in (5, 6)}
    guests = {day: [order(n, None, day=day) for n in range(3)] for day in (5, 6)}
    t_b = {"title": "t", "body": "b"}
    plain_reviews = [
        ("u" + str(n), f"p{n % 9}", "2020-01-05 00:00:00", 5.0, "Fine", f"plain text {n}") for n in range(300)
    ]
    one_day = {"event_time": "2020-01-05 00:00:00"}
    plain_reviews[150] = review(150, "I bought it twice:\nu9,p9,2020-01-06,1,Forged,row", **one_day)

    def shared(name: str, about: str, **other: Any) -> Case:
        return Case(name, about, shared=True, **other)

    return [
        shared("csv_bad_zone_row", "one row has a zone nobody knows, one has none", quarantined={"event_time": 2},
               rows=of_orders([order(n, event_time="2020-01-05 09:00:00") for n in range(5)])),
        shared("csv_delimiter_word", "delimiter: tab", rows=of_orders(three)),
        shared("csv_encoding_typo", "encoding that does not exist", status=2, says=("sources.orders.encoding", "win1252x", "utf-8")),
        shared("csv_epoch_overflow", "an absurd epoch, one in seconds, one that is no number",
               quarantined={"event_time": 3}, rows=of_orders([order(n) for n in range(5)])),
        shared("csv_header_only_day", "a day's file with a header only", window=("2020-01-06", "2020-01-07"), status=2,
               says=("orders_2020-01-06.csv", "empty_day: allowed")),
        shared("csv_header_spaces", "blanks round the names of the header", rows=of_orders(three)),
        shared("csv_multiline_gbk", "multiline with encoding gbk", rows=of_orders(three) | of_products([("p1", "绿茶\n礼盒")])),
        shared("csv_multiline_unclosed", "one of 400 titles has a quote that is never closed", records=403,
               rows=of_orders(three) | of_products([(f"p{n:03}", f"Title {n}") for n in range(400) if n != 200]),
               quarantined={"": 1}),
        shared("csv_multiline_undeclared", "multiline, CP1252 not declared",
               rows=of_orders(three) | of_products([("p1", "Café\ncrème")])),
        shared("csv_nbsp_ids", "ids with blanks of every kind, zero-width marks and BOM round them, and NFD",
               rows=of_orders([
                   *(order(n, "17850", product_id="85123A") for n in range(1, 6)),
                   *(order(n, "café", product_id="café") for n in (6, 7)),
                   order(8, product_id="00123"), order(9, product_id="123"), order(10, product_id="A/B 1"), order(11, product_id="1.23E+12"),
               ])),
        shared("csv_newline_default_share", "one of 300 texts has a line like a row; default limits", rows=of_reviews(plain_reviews)),
        shared("csv_newline_forges_row", "a quoted text whose second line looks like a row",
               rows=of_reviews([review(1, "pasted from elsewhere:\nu9,p9,2020-01-06,1,Forged,row\nend", **one_day),
                                review(2, "one line", rating=4.0, **one_day)])),
        shared("csv_newline_last_field", "a line break in the last column",
               rows=of_reviews([review(1, "first line\nsecond line, with comma", **one_day),
                                review(2, "one line", rating=4.0, **one_day), review(3, "plain", rating=3.0, **one_day)])),
        shared("csv_null_words", "words for null as user id and title",
               rows=of_orders([order(n, user) for n, user in enumerate([None, None, None, "NA", None, "0", "-", None])])
               | of_products([("p1", "NULL"), ("p2", "nan"), ("p3", "None"), ("p4", "N/A")])),
        shared("csv_sep_line", "Excel's sep=; line", rows=of_orders(three), records=3),
        shared("csv_trailing_comma_header2", "all lines end in two delimiters", rows=of_orders(three)),
        shared("csv_two_files_header_case", "headers of two days in other case", window=TWO_DAYS, rows=of_orders([*of_day[5], *of_day[6]])),
        shared("json_array_lines", "a JSON array on a line, then a record", rows=of_reviews([review(n, **t_b) for n in (0, 1, 2, 9)])),
        shared("json_case_collision_used", "one row writes Rating", rows=of_reviews([review(n, **t_b) for n in (0, 1, 2, 9)])),
        shared("json_concatenated_default", "three records on one line",
               rows=of_reviews([(f"{word}{n}", *review(n, **t_b)[1:]) for word, many in (("g", 200), ("lost", 3)) for n in range(many)])),
        shared("json_corrupt_key", "keys named as our own columns", rows=of_reviews([review(n, **t_b) for n in (0, 1)])),
        shared("parquet_allnull_then_text", "a column without a value, then text", window=TWO_DAYS, rows=of_orders([*guests[5], *of_day[6]])),
        shared("parquet_case_collision", "columns not mapped differ in case only", rows=of_orders(three)),
        shared("parquet_column_missing", "a column is gone on day two", window=TWO_DAYS, status=2,
               says=("orders_2020-01-06.parquet", "user_id", "optional")),
        shared("parquet_column_renamed", "a column is renamed on day two", window=TWO_DAYS, status=2,
               says=("orders_2020-01-06.parquet", "user_id", "optional")),
        shared("parquet_int_then_float", "whole numbers, then floats with a guest", window=TWO_DAYS,
               rows=of_orders([*(order(n, f"{17850 + n}") for n in range(3)),
                               *(order(n, user, day=6) for n, user in enumerate(["17850", None, "17852"]))])),
        shared("parquet_nanos", "times in nanoseconds", rows=of_orders(three)),
        shared("parquet_nanos_unused", "times in nanoseconds that are not mapped", rows=of_orders(three)),
        shared("parquet_text_then_allnull", "text, then a column without a value", window=TWO_DAYS, rows=of_orders([*of_day[5], *guests[6]])),
    ]  # fmt: skip


def csv_cases() -> list[Case]:
    three = [order(n) for n in range(3)]
    plain_csv = csv_bytes(three)
    one, two, last = (",".join(map(str, row)) for row in three)
    day = "orders_{date}.csv"

    def case(
        name: str,
        about: str,
        content: bytes,
        rows: Sequence[tuple[Any, ...]] = three,
        path: str = "orders.csv",
        source: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        return Case(name, about, {path: content}, orders(path, **(source or {})), rows=of_orders(rows), **other)

    def texts(
        name: str,
        about: str,
        content: bytes,
        rows: Sequence[tuple[Any, ...]],
        source: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        return Case(name, about, {"reviews.csv": content}, reviews(**(source or {})), rows=of_reviews(rows), **other)

    def lines(*bodies: str) -> bytes:
        """Reviews with bodies as typed, then one good line."""
        typed = [f"u{n},p1,2020-01-05 10:00:00,5,Fine,{body}" for n, body in enumerate(bodies)]
        return text_bytes(*typed, "u99,p1,2020-01-05 10:00:00,5,Fine,plain", header=REVIEW)

    def days(
        name: str,
        about: str,
        second: bytes,
        rows: Sequence[tuple[Any, ...]],
        source: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        files = {"orders_2020-01-05.csv": plain_csv, "orders_2020-01-06.csv": second}
        return Case(name, about, files, orders(day, **(source or {})), window=TWO_DAYS, rows=of_orders(rows), **other)

    six = [*three, *(order(n, day=6) for n in range(3, 6))]
    many = [order(n) for n in range(50)]
    broken = [",".join(map(str, row)) for row in many]
    broken[25] = broken[25].replace("p1", '"p1')
    header_only = csv_bytes([])
    return [
        case("csv_crlf", "lines end in CRLF", csv_bytes(three, lineterminator="\r\n")),
        case("csv_lone_cr", "lines end in a lone CR, as old Macs write", csv_bytes(three, lineterminator="\r")),
        case("csv_no_last_break", "no line break at the end", plain_csv.rstrip()),
        case("csv_bom", "UTF-8 with its mark", csv_bytes(three, encoding="utf-8-sig")),
        case("csv_bom_quoted_header", "UTF-8 with its mark before a quoted header",
             b"\xef\xbb\xbf" + csv_bytes(three, quoting=csv.QUOTE_ALL)),
        case("csv_utf16_le", "Excel's Unicode text: UTF-16 LE with its mark, tabs; not declared",
             b"\xff\xfe" + csv_bytes([order(1, "绿"), order(2, "é")], encoding="utf-16-le", delimiter="\t", lineterminator="\r\n"),
             [order(1, "绿"), order(2, "é")], source={"delimiter": "tab"}),
        case("csv_utf16_be", "UTF-16 BE with its mark, not declared",
             b"\xfe\xff" + csv_bytes([order(1, "绿"), order(2, "é")], encoding="utf-16-be"), [order(1, "绿"), order(2, "é")]),
        case("csv_utf16_declared", "UTF-16, declared", csv_bytes(three, encoding="utf-16"), source={"encoding": "utf-16"}),
        case("csv_utf16_le_declared", "UTF-16 LE without a mark, declared", csv_bytes(three, encoding="utf-16-le"), source={"encoding": "utf-16-le"}),
        case("csv_cp1252_undeclared", "CP1252, not declared", csv_bytes([order(1, "Zoë"), order(2, "André")], encoding="cp1252"),
             [order(1, "Zoë"), order(2, "André")]),
        case("csv_cp1252_declared", "CP1252, declared", csv_bytes([order(1, "Zoë"), order(2, "50€")], encoding="cp1252"),
             [order(1, "Zoë"), order(2, "50€")], source={"encoding": "cp1252"}),
        case("csv_latin1_header", "letters outside ASCII in the header, CP1252 not declared",
             csv_bytes(three, ["order_id", "user_id", "product_id", "event_time", "quantité", "price"], encoding="cp1252"),
             source={"mapping": {"quantity": "`quantité`"}}),
        case("csv_quoted_header_break", "a name of the header holds a line break (not mapped)",
             csv_bytes([(*row, "x") for row in three], [*ORDER, "Notes\n(optional)"])),
        case("csv_header_repeated", "the header comes again in the middle (cat of two files)",
             text_bytes(one, two, ",".join(ORDER), last), quarantined={"": 1}),
        case("csv_index_column", "pandas' index column without a name", pandas_csv(three, ORDER, index=True)),
        case("csv_trailing_delimiter_rows", "rows end in a delimiter, the header does not",
             text_bytes(one + ",", two + ",", last + ",")),
        case("csv_trailing_delimiter_header", "header ends in a delimiter, rows do not",
             text_bytes(one, two, last, header=[*ORDER, ""])),
        case("csv_few_fields", "a row has too few fields", text_bytes(one, "o9,u9,p1", two, last), quarantined={"": 1}),
        case("csv_many_fields", "a row has too many fields", text_bytes(one, "o9,u9,p1,2020-01-05 10:00:00,1,2.50,x,y", two, last),
             quarantined={"": 1}),
        case("csv_unquoted_comma", "a comma in a field without quotes", text_bytes(one, "o9,u9,p1, large,2020-01-05 10:00:00,1,2.50", two, last),
             quarantined={"": 1}),
        texts("csv_quote_not_doubled", "quotes in quotes are not doubled", lines('"12" vinyl"', '"so-called "good" vinyl"'),
              [review(99)], quarantined={"": 2}, records=3),
        texts("csv_quote_not_doubled_comma", "quotes not doubled, with the delimiter behind one",
              lines('"he said "no", then yes"'), [review(99)], quarantined={"": 1}, records=2),
        texts("csv_quote_in_plain", "a quote inside a field without quotes", lines('12" vinyl', '5\'10" tall'),
              [review(0, '12" vinyl'), review(1, "5'10\" tall"), review(99)]),
        Case("csv_blank_before_quote", "a blank between delimiter and quote", {"reviews.csv": lines(' "text"')}, reviews(),
             rows=of_reviews([review(99)], either=[review(0, '"text"'), review(0, "text")]), either_quarantined=1, records=2),
        Case("csv_blank_before_quote_break", "a blank before a quoted text whose second line looks like a row",
             {"reviews.csv": lines(' "first\nu9,p9,2020-01-06 10:00:00,1,Forged,row\nend"')}, reviews(),
             rows=of_reviews([review(99)], either=[review(0, "first\nu9,p9,2020-01-06 10:00:00,1,Forged,row\nend")]),
             either_quarantined=3, records=2, may_split=True),
        case("csv_unclosed_first", "the first row has an unclosed quote", text_bytes('"' + one, *broken[1:24]),
             many[1:24], quarantined={"": 1}, records=24),
        case("csv_unclosed_middle", "a row in the middle has an unclosed quote", text_bytes(*broken),
             many[:25] + many[26:], quarantined={"": 1}, records=50),
        case("csv_unclosed_last", "the last row has an unclosed quote", text_bytes(one, two, last.replace("p1", '"p1')),
             three[:2], quarantined={"": 1}, records=3),
        texts("csv_unclosed_two", "two texts with an unclosed quote far apart",
              lines('"no end', *["plain"] * 20, '"no end either', *["plain"] * 5),
              [*(review(n) for n in (*range(1, 21), *range(22, 27))), review(99)], quarantined={"": 2}, records=28),
        texts("csv_unclosed_then_quoted", "an unclosed quote, then texts in quotes",
              lines('"no end', *['"plain, quoted"'] * 10),
              [*(review(n, "plain, quoted") for n in range(1, 11)), review(99)], quarantined={"": 1}, records=12),
        texts("csv_nul", "a NUL in a text", csv_bytes([review(1, "a\0b"), review(2)], REVIEW), [review(1, "a\0b"), review(2)]),
        Case("csv_nul_id", "a NUL in an id", {"orders.csv": csv_bytes([*three, order(9, "u\x009")])}, orders(),
             rows=of_orders(three, either=[order(9, "u9")]), either_quarantined=1),
        texts("csv_long_field", "a text of 200,000 characters, with line breaks",
              csv_bytes([review(1, "long text\n" * 20_000), review(2)], REVIEW), [review(1, "long text\n" * 20_000), review(2)]),
        texts("csv_many_quotes", "a text with 40,000 quotes", csv_bytes([review(1, 'a "b" ' * 20_000), review(2)], REVIEW),
              [review(1, 'a "b" ' * 20_000), review(2)]),
        texts("csv_many_quotes_and_breaks", "a text with 40,000 quotes and 20,000 line breaks",
              csv_bytes([review(1, 'a "b"\n' * 20_000), review(2)], REVIEW), [review(1, 'a "b"\n' * 20_000), review(2)]),
        case("csv_many_columns", "3,000 columns that are not mapped",
             csv_bytes([(*row, *["x, y"] * 3000) for row in three], [*ORDER, *(f"c{n}" for n in range(3000))])),
        case("csv_tab_blank_rows", "rows of tabs only among texts with line breaks",
             csv_bytes([order(1, "a\nb"), order(2), ("",) * 6, (" ",) * 6], delimiter="\t"), [order(2)], source={"delimiter": "tab"},
             quarantined={"control": 1, "": 2}),
        Case("products_header_repeated", "a catalogue's header comes again in the middle",
             SHOP_ORDERS | {"products.csv": csv_bytes([("p1", "A"), PRODUCT, ("p2", "B")], PRODUCT)}, products(),
             rows=of_products([("p1", "A"), ("p2", "B")]), quarantined={"": 1}),
        case("csv_empty_lines", "empty lines", text_bytes("", one, "", "", two, last, "", "")),
        case("csv_empty_fields_row", "a line of delimiters only, as spreadsheets write below the last row",
             text_bytes(one, two, last, ",,,,,", ",,,,,"), quarantined={"": 2}),
        Case("csv_one_column", "a file of one column", SHOP_ORDERS | {"products.csv": b"product_id\np1\np2\n\np3\n"},
             products(columns=["product_id"]), rows=of_products([("p1", None), ("p2", None), ("p3", None)])),
        case("csv_double_pipe", "delimiter ||", "".join("||".join(map(str, row)) + "\n" for row in (ORDER, *three)).encode(),
             source={"delimiter": "||"}),
        case("csv_double_pipe_quoted", "delimiter ||, quoted fields hold it",
             "".join("||".join(f'"{value}"' for value in row) + "\n" for row in (ORDER, order(1, "a||b"), order(2))).encode(),
             [order(1, "a||b"), order(2)], source={"delimiter": "||"}),
        case("csv_backslash_t", r"delimiter \t", csv_bytes(three, delimiter="\t"), source={"delimiter": r"\t"}),
        case("csv_pipe", "delimiter |, quoted fields hold it", csv_bytes([order(1, "a|b"), order(2)], delimiter="|"),
             [order(1, "a|b"), order(2)], source={"delimiter": "pipe"}),
        case("csv_semicolon_decimal", "semicolons and decimal commas",
             csv_bytes([(*row[:5], "1.234,50") for row in three], delimiter=";"), [order(n, price=1234.5) for n in range(3)],
             source={"delimiter": "semicolon", "mapping": {"price": "replace(replace(price, '.', ''), ',', '.')"}}),
        Case("csv_delimiter_letter", "a letter as delimiter", {"orders.csv": plain_csv}, orders(delimiter="x"), status=2,
             says=("sources.orders.delimiter", "tab")),
        texts("csv_backslash_quotes", "quotes in quotes have a backslash (MySQL, Hive)", lines(r'"says \"hi\", twice"', r'"ends in \\"'),
              [review(0, 'says "hi", twice'), review(1, "ends in \\"), review(99)], {"escape": "\\"}, records=3),
        Case("csv_mysql_null", r"MySQL's \N in ids and numbers",
             {"orders.csv": csv_bytes([(*order(1, r"\N"), r"\N"), (*order(2), "1.5")], [*ORDER, "cost"])},
             {"orders": source("transactions", "orders.csv", [*ORDER, "cost"])},
             rows={"transactions": Rows((*ORDER, "cost"), [(*order(1, None), None), (*order(2), 1.5)])}),
        case("csv_null_words_of_shop", "words for null of the shop's own",
             csv_bytes([order(1, "guest"), order(2, "GUEST"), order(3, " guest "), order(4, "guest2")]),
             [order(1, None), order(2, None), order(3, None), order(4, "guest2")], source={"null_values": ["guest", "0"]}),
        case("csv_null_required", "a word for null in a required id", csv_bytes([*three, order(9, product_id="NULL")]),
             quarantined={"product_id": 1}),
        case("csv_blank_kinds_numbers", "no-break spaces round numbers and times",
             text_bytes("o0,u0,p1,\u00a02020-01-05 10:00:00\u00a0,\u00a01,2.50\u00a0", "o1,u1,p1,2020-01-05 10:00:00\u202f,1\u3000,\ufeff2.50", last)),
        case("csv_negative_quantity", "returns", csv_bytes([order(1), order(2, "u1", 6, order_id="o1", quantity=-1)]),
             [order(1), order(2, "u1", 6, order_id="o1", quantity=-1)]),
        case("csv_whole_floats", "whole numbers with a fraction of zero", csv_bytes([order(1, quantity="1.0"), order(2, quantity="2.00")]),
             [order(1), order(2, quantity=2)]),
        case("csv_duplicates", "a row comes twice", csv_bytes([order(1), order(1), order(2)]), [order(1), order(2)], duplicates=1),
        case("csv_excluded", "rows that are no merchandise", csv_bytes([order(1), order(2, product_id="POST")]), [order(1)],
             source={"exclude": {"postage": "product_id = 'POST'"}}, excluded=1),
        case("csv_gz", "packed by gzip", gzip.compress(plain_csv), path="orders.csv.gz"),
        case("csv_header_capitals", "blanks and capitals in the names of the header",
             text_bytes(one, two, last, header=[f'"{name.upper()} "' for name in ORDER])),
        case("csv_name_with_blank", "a name of the header with a blank, mapped in back quotes",
             csv_bytes(three, ["order_id", "user name", *ORDER[2:]]), source={"mapping": {"user_id": "`user name`"}}),
        case("csv_name_with_dot", "a name of the header with a dot, mapped in back quotes",
             csv_bytes(three, ["order_id", "user.id", *ORDER[2:]]), source={"mapping": {"user_id": "`user.id`"}}),
        Case("csv_name_twice", "the header names a mapped column twice", {"orders.csv": csv_bytes([(*row, "x") for row in three], [*ORDER, "price"])},
             orders(), status=2, says=("orders.csv", "price", "twice")),
        Case("csv_empty_file", "a file of no bytes", {"orders.csv": b""}, orders(), status=2, says=("orders.csv", "no rows")),
        Case("csv_file_of_breaks", "a file of line breaks only", {"orders.csv": b"\n\n\n"}, orders(), status=2, says=("orders.csv", "no rows")),
        case("csv_header_names_ours", "columns named as our own", csv_bytes([(*row, "x", "y", "z") for row in three], [*ORDER, "__row", "__broken", "__file"])),
        Case("csv_folder", "a folder of files, in other orders of columns",
             {"orders/1.csv": csv_bytes(three[:1]), "orders/2.csv": csv_bytes([row[::-1] for row in three[1:2]], ORDER[::-1]),
              "orders/3.csv": csv_bytes([(*row, "new") for row in three[2:]], [*ORDER, "coupon"]), "orders/_SUCCESS": b"", "orders/.3.csv.crc": b"x"},
             orders("orders", format="csv"), rows=of_orders(three), records=3),
        Case("csv_day_folders", "a folder of day=... folders",
             {f"orders/day=2020-01-{n + 5:02}/part-0.csv": csv_bytes([row[:3] + row[4:]], ORDER[:3] + ORDER[4:]) for n, row in enumerate(three)},
             orders("orders", {"event_time": "concat(day, ' 10:00:00')"}, format="csv"),
             rows=of_orders([order(n, day=n + 5) for n in range(3)])),
        days("csv_days_reordered", "other order and one more column on day two",
             csv_bytes([(*row[::-1], "x") for row in six[3:]], [*ORDER[::-1], "coupon"]), six),
        days("csv_days_column_missing", "a mapped column is gone on day two", csv_bytes([(row[0], *row[2:]) for row in six[3:]], (ORDER[0], *ORDER[2:])),
             [], status=2, says=("orders_2020-01-06.csv", "user_id", "optional")),
        days("csv_days_column_optional", "a mapped column is gone on day two, and optional",
             csv_bytes([(row[0], *row[2:]) for row in six[3:]], (ORDER[0], *ORDER[2:])), [*three, *(order(n, None, 6) for n in range(3, 6))],
             {"optional": ["user_id"]}),
        days("csv_days_one_empty", "the second of two days has a header only", header_only, [], status=2,
             says=("orders_2020-01-06.csv", "empty_day: allowed")),
        days("csv_days_one_empty_allowed", "the second of two days has a header only, allowed", header_only, three, {"empty_day": "allowed"}),
        Case("csv_days_all_empty_allowed", "a day with a header only, allowed", {"orders_2020-01-06.csv": header_only},
             orders(day, empty_day="allowed"), window=("2020-01-06", "2020-01-07"), rows=of_orders([])),
        Case("csv_days_all_empty", "two days with a header only", {f"orders_2020-01-{d}.csv": header_only for d in ("05", "06")},
             orders(day), window=TWO_DAYS, status=2, says=("orders_2020-01-05.csv", "empty_day: allowed")),
        Case("products_blank_price", "prices of a catalogue that are blank or a word for null",
             SHOP_ORDERS | {"products.csv": csv_bytes([("p1", "A", "2.5"), ("p2", "B", ""), ("p3", "C", " "), ("p4", "D", "NULL"), ("p5", "E", "n/a"), ("p6", "F", "free")], [*PRODUCT, "price"])},
             products(columns=[*PRODUCT, "price"]), quarantined={"price is not a number": 1},
             rows=of_products([("p1", "A", 2.5), *((f"p{n}", title, None) for n, title in enumerate("BCDE", 2))], (*PRODUCT, "price"))),
        Case("csv_utf8_and_others", "UTF-8 lines, and one of CP1252 and one of GB18030 among them",
             SHOP_ORDERS | {"products.csv": "product_id,title\np1,Café\n".encode() + "p2,Crème brûlée\n".encode("cp1252") + "p3,绿茶礼盒套装\n".encode("gb18030")},
             products(), rows=of_products([("p1", "Café"), ("p2", "Crème brûlée"), ("p3", "绿茶礼盒套装")]), records=4),
        texts("csv_break_and_cp1252", "line breaks in quotes, and a row of CP1252, not declared",
              csv_bytes([review(1, "first\nsecond")], REVIEW) + csv_bytes([review(2, "crème\nbrûlée")], None, "cp1252"),
              [review(1, "first\nsecond"), review(2, "crème\nbrûlée")], records=2),
    ]  # fmt: skip


def json_cases() -> list[Case]:
    three = [review(n) for n in range(3)]
    rows = json_rows(three)
    plain_json = json_bytes(rows)
    day = "reviews_{date}.jsonl"

    def case(
        name: str,
        about: str,
        content: bytes,
        silver: Sequence[tuple[Any, ...]] = three,
        path: str = "reviews.jsonl",
        source: dict[str, Any] | None = None,
        either: Sequence[tuple[Any, ...]] = (),
        **other: Any,
    ) -> Case:
        return Case(
            name,
            about,
            {path: content},
            reviews(path, **(source or {})),
            rows=of_reviews(silver, either=either),
            **other,
        )

    def catalogue(
        name: str,
        about: str,
        content: bytes,
        silver: Sequence[tuple[Any, ...]],
        columns: tuple[str, ...] = PRODUCT,
        mapping: dict[str, str] | None = None,
        either: Sequence[tuple[Any, ...]] = (),
        source: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        return Case(name, about, SHOP_ORDERS | {"products.jsonl": content},
                    products("products.jsonl", columns, mapping, **(source or {})), rows=of_products(silver, columns, either=either), **other)  # fmt: skip

    bad = {"user_id": "u9", "product_id": "p1", "event_time": "2020-01-05 10:00:00"}
    return [
        case("json_pretty", "printed objects, one after another", "\n".join(json.dumps(row, indent=4) for row in rows).encode()),
        case("json_array_pretty", "a printed array", json.dumps(rows, indent=2).encode()),
        case("json_array_comma_lines", "an array with a record a line",
             ("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n").encode()),
        case("json_array_comma_first", "an array with commas that begin the lines",
             ("[" + "\n,".join(json.dumps(row) for row in rows) + "\n]").encode()),
        case("json_arrays_lines", "arrays, one a line", (json.dumps(rows[:2]) + "\n" + json.dumps(rows[2:]) + "\n").encode()),
        case("json_arrays_empty", "an empty array among the lines", plain_json + b"[]\n"),
        case("json_concatenated", "records without line breaks (Firehose)", b"".join(json.dumps(row).encode() for row in rows)),
        case("json_concatenated_blanks", "records parted by blanks", b" ".join(json.dumps(row).encode() for row in rows)),
        case("json_garbage_after", "a record with other text behind it", plain_json + json.dumps(bad | {"rating": 5}).encode() + b" xyz\n",
             quarantined={"": 1}, records=4),
        case("json_garbage_line", "a line that is no JSON", plain_json + b"lost connection to server\n", quarantined={"": 1}, records=4),
        case("json_garbage_between", "a line that is no JSON in the middle", json_bytes(rows[:1]) + b"oops\n" + json_bytes(rows[1:]),
             quarantined={"": 1}, records=4),
        case("json_truncated", "the last line is cut off", plain_json + json.dumps(bad).encode()[:-12], quarantined={"": 1}, records=4),
        case("json_truncated_middle", "a line in the middle is cut off", json_bytes(rows[:1]) + json.dumps(bad).encode()[:-12] + b"\n" + json_bytes(rows[1:]),
             quarantined={"": 1}, records=4),
        case("json_truncated_array", "a printed array is cut off", json.dumps(rows, indent=1).encode()[:-20], three[:2],
             quarantined={"": 1}, records=3, may_split=True),
        case("json_raw_break", "a line break in a text that is not escaped",
             plain_json + b'{"user_id": "u9", "product_id": "p1", "event_time": "2020-01-05 10:00:00", "rating": 5, "body": "first\nsecond"}\n',
             either=[review(9, "first\nsecond", title=None)], either_quarantined=2, records=4, may_split=True),
        case("json_scalars", "lines that are JSON and no objects", plain_json + b'null\n5\n"text"\n', quarantined={"": 3}),
        case("json_empty_object", "an empty object", plain_json + b"{}\n", quarantined={"": 1}),
        case("json_bom", "UTF-8 with its mark", b"\xef\xbb\xbf" + plain_json),
        case("json_utf16", "UTF-16 with its mark, not declared", plain_json.decode().encode("utf-16")),
        case("json_crlf", "lines end in CRLF", plain_json.replace(b"\n", b"\r\n")),
        case("json_gz", "packed by gzip", gzip.compress(plain_json), path="reviews.jsonl.gz"),
        case("json_empty_lines", "empty lines and blanks", b"\n  \n" + plain_json.replace(b"\n", b"\n\n")),
        case("json_nan", "NaN where a number should be, as Python writes it", plain_json + json_bytes([bad | {"rating": float("nan")}]), quarantined={"": 1}),
        catalogue("json_nan_optional", "NaN where a value is optional",
                  json_bytes([{"product_id": "p1", "title": "A", "price": float("nan")}, {"product_id": "p2", "title": "B", "price": 2.5}]),
                  [("p1", "A", None), ("p2", "B", 2.5)], (*PRODUCT, "price")),
        case("json_mixed_id", "an id is a number in one row and text in others",
             json_bytes([rows[0] | {"user_id": 17850}, rows[1] | {"user_id": "17850", "product_id": "p2"}]),
             [("17850", *three[0][1:]), ("17850", "p2", *three[1][2:])]),
        case("json_big_id", "an id of 25 digits as a number", json_bytes([rows[0] | {"user_id": 1234567890123456789012345}]),
             [("1234567890123456789012345", *three[0][1:])]),
        case("json_object_for_number", "an object where a number should be", json_bytes([*rows, bad | {"rating": {"value": 5}}]), quarantined={"": 1}),
        case("json_array_for_number", "an array where a number should be", json_bytes([*rows, bad | {"rating": [5]}]),
             either=[review(9, None, title=None)], either_quarantined=1),
        case("json_text_for_number", "text where a number should be", json_bytes([*rows, bad | {"rating": "five"}, rows[0] | {"user_id": "u8", "rating": "5"}]),
             [*three, review(8)], quarantined={"rating is not a number": 1}),
        catalogue("json_array_among_texts", "an array in one row where others have text",
                  json_bytes([{"product_id": f"p{n}", "title": "A"} for n in range(20)] + [{"product_id": "p99", "title": ["B", "C"]}]),
                  [(f"p{n}", "A") for n in range(20)], either=[("p99", '["B","C"]'), ("p99", '["B", "C"]'), ("p99", None)], either_quarantined=1),
        catalogue("json_object_among_texts", "an object in one row where others have text",
                  json_bytes([{"product_id": f"p{n}", "title": "A"} for n in range(20)] + [{"product_id": "p99", "title": {"en": "B"}}]),
                  [(f"p{n}", "A") for n in range(20)], either=[("p99", '{"en":"B"}'), ("p99", '{"en": "B"}'), ("p99", None)], either_quarantined=1),
        catalogue("json_text_among_arrays", "text in one row where the mapping needs an array",
                  json_bytes([{"product_id": f"p{n}", "cats": ["Home", "Mugs"]} for n in range(20)] + [{"product_id": "p99", "cats": "Home"}]),
                  [(f"p{n}", "Home > Mugs") for n in range(20)], ("product_id", "category"), {"category": "array_join(cats, ' > ')"},
                  either=[("p99", "Home"), ("p99", None)], either_quarantined=1),
        catalogue("json_array_join", "an array of texts with join",
                  json_bytes([{"product_id": "p1", "cats": ["Home", "Mugs"]}, {"product_id": "p2", "cats": []}, {"product_id": "p3", "cats": ["A", None, "B"]}]),
                  [("p1", "Home > Mugs"), ("p2", None), ("p3", "A > B")], ("product_id", "category"), {"category": "cats"}, source={"join": " > "}),
        catalogue("json_array_join_text", "join, and one row has text",
                  json_bytes([{"product_id": f"p{n}", "cats": ["Home", "Mugs"]} for n in range(20)] + [{"product_id": "p99", "cats": "Home"}]),
                  [(f"p{n}", "Home > Mugs") for n in range(20)], ("product_id", "category"), {"category": "cats"},
                  either=[("p99", "Home"), ("p99", None)], either_quarantined=1, source={"join": " > "}),
        Case("json_array_no_join", "an array where text is needed, without join",
             SHOP_ORDERS | {"products.jsonl": json_bytes([{"product_id": "p1", "cats": ["Home", "Mugs"]}])},
             products("products.jsonl", ("product_id", "category"), {"category": "cats"}), status=2, says=("category", "join")),
        case("json_nested", "objects in objects, five deep",
             json_bytes([{"a": {"b": {"c": {"d": {"e": row["user_id"]}}}}} | {c: v for c, v in row.items() if c != "user_id"} for row in rows]),
             source={"mapping": {"user_id": "a.b.c.d.e"}}),
        case("json_nested_scalar", "a row has a number where others have an object",
             json_bytes([*({"user": {"id": row["user_id"]}} | row for row in rows), {"user": 5} | bad | {"rating": 5}]),
             source={"mapping": {"user_id": "user.id"}}, quarantined={"": 1}),
        case("json_mongo", "MongoDB's $oid and $date",
             json_bytes([row | {"user_id": {"$oid": row["user_id"]}, "event_time": {"$date": "2020-01-05T10:00:00Z"}} for row in rows]),
             source={"mapping": {"user_id": "user_id.`$oid`", "event_time": "event_time.`$date`"}}),
        case("json_keys_twice", "a key comes twice in a row",
             plain_json + b'{"user_id": "u9", "product_id": "p1", "event_time": "2020-01-05 10:00:00", "rating": 1, "rating": 5, "title": "Fine", "body": "plain"}\n',
             either=[review(9), review(9, rating=1.0)], either_quarantined=1),
        case("json_keys_case_both", "a row has a key in two cases", json_bytes([*rows, bad | {"rating": 5, "Rating": 1, "title": "Fine", "body": "plain"}]),
             either=[review(9), review(9, rating=1.0)], either_quarantined=1),
        case("json_key_order", "keys in another order in each row", json_bytes([rows[0], dict(reversed(rows[1].items())), dict(sorted(rows[2].items()))])),
        case("json_escapes", "escapes and pairs of surrogates", json_bytes(json_rows([review(1, "caf\u00e9 😀"), review(2, "tab\there")]), ensure_ascii=True),
             [review(1, "café 😀"), review(2, "tab\there")]),
        case("json_lone_surrogate", "half of a pair of surrogates", plain_json + json.dumps(bad | {"rating": 5, "title": "Fine", "body": "half \ud83d"}).encode() + b"\n",
             either=[review(9, "half \ufffd"), review(9, "half"), review(9, "half ?"), review(9, "half ��"), review(9, "half ���")], either_quarantined=1),
        Case("json_id_missing", "no row has the mapped user id", {"reviews.jsonl": json_bytes([{c: v for c, v in row.items() if c != "user_id"} for row in rows])},
             reviews("reviews.jsonl"), status=2, says=("reviews.jsonl", "user_id")),
        Case("json_order_id_missing", "no row has the mapped user id, which guests lack",
             {"orders.jsonl": json_bytes([{c: v for c, v in row.items() if c != "user_id"} for row in json_rows([order(1)], ORDER)])},
             orders("orders.jsonl"), status=2, says=("orders.jsonl", "user_id", "optional")),
        Case("json_order_id_optional", "no row has the mapped user id, which is optional",
             {"orders.jsonl": json_bytes([{c: v for c, v in row.items() if c != "user_id"} for row in json_rows([order(1)], ORDER)])},
             orders("orders.jsonl", optional=["user_id"]), rows=of_orders([order(1, None)])),
        Case("json_text_missing", "no row of a day has the mapped title",
             {"reviews_2020-01-05.jsonl": json_bytes([{c: v for c, v in row.items() if c != "title"} for row in rows])}, reviews(day),
             window=("2020-01-05", "2020-01-06"), rows=of_reviews([review(n, title=None) for n in range(3)])),
        Case("json_days_types", "an id is a number on day one and text on day two",
             {"reviews_2020-01-05.jsonl": json_bytes([rows[0] | {"user_id": 17850}]), "reviews_2020-01-06.jsonl": json_bytes([rows[1] | {"user_id": "17850", "product_id": "p2"}])},
             reviews(day), window=TWO_DAYS, rows=of_reviews([("17850", *three[0][1:]), ("17850", "p2", *three[1][2:])])),
        Case("json_folder", "a folder of files, one pretty, one of lines",
             {"reviews/1.jsonl": json_bytes(rows[:1]), "reviews/2.jsonl": json.dumps(rows[1:], indent=2).encode()},
             reviews("reviews", format="jsonl"), rows=of_reviews(three)),
        case("json_booleans", "true where text should be", json_bytes([*rows, bad | {"rating": 5, "title": True, "body": False}]),
             [*three, review(9, "false", title="true")]),
        case("json_long", "a text of 200,000 characters", json_bytes(json_rows([review(1, "long text " * 20_000), review(2)])),
             [review(1, "long text " * 20_000), review(2)]),
        case("json_many_escapes", "a text with 40,000 escapes", json_bytes(json_rows([review(1, 'a "b"\n' * 20_000), review(2)])),
             [review(1, 'a "b"\n' * 20_000), review(2)]),
        case("json_many_elements", "a key not mapped holds 20,000 objects",
             json_bytes([row | {"tags": [{"n": n, "of": ["x"]} for n in range(20_000)]} for row in rows])),
        case("json_many_keys", "3,000 keys that are not mapped", json_bytes([row | {f"k{n}": n for n in range(3000)} for row in rows])),
        case("json_deep", "objects in objects, 60 deep", json_bytes([row | {"deep": json.loads('{"a":' * 60 + "1" + "}" * 60)} for row in rows])),
        Case("json_days_empty_array", "a day's file is an empty array", {"reviews_2020-01-05.jsonl": b"[]"}, reviews(day),
             window=("2020-01-05", "2020-01-06"), status=2, says=("reviews_2020-01-05.jsonl", "empty_day: allowed")),
        Case("json_days_empty_file", "a day's file of no bytes", {"reviews_2020-01-05.jsonl": b"", "reviews_2020-01-06.jsonl": plain_json}, reviews(day),
             window=TWO_DAYS, status=2, says=("reviews_2020-01-05.jsonl", "empty_day: allowed")),
        Case("json_days_empty_allowed", "a day's file of no bytes, allowed", {"reviews_2020-01-05.jsonl": b"", "reviews_2020-01-06.jsonl": plain_json},
             reviews(day, empty_day="allowed"), window=TWO_DAYS, rows=of_reviews(three)),
        case("json_gbk", "JSON in GBK, declared", json.dumps(rows[0] | {"body": "绿茶礼盒"}, ensure_ascii=False).encode("gbk"),
             [review(0, "绿茶礼盒")], source={"encoding": "gbk"}),
    ]  # fmt: skip


def parquet_cases() -> list[Case]:
    three = [order(n) for n in range(3)]
    moment = datetime(2020, 1, 5, 10)
    day = "orders_{date}.parquet"

    def case(
        name: str,
        about: str,
        table: dict[str, Any] | pa.Table,
        rows: Sequence[tuple[Any, ...]] = three,
        source: dict[str, Any] | None = None,
        parquet: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        files = {"orders.parquet": parquet_bytes(table, **(parquet or {}))}
        return Case(name, about, files, orders("orders.parquet", **(source or {})), rows=of_orders(rows), **other)

    def typed(column: str, values: Any, kind: pa.DataType | None = None) -> dict[str, Any]:
        return order_columns(three, **{column: pa.array(values, kind)})

    def days(
        name: str,
        about: str,
        first: dict[str, Any],
        second: dict[str, Any],
        rows: Sequence[tuple[Any, ...]],
        source: dict[str, Any] | None = None,
        **other: Any,
    ) -> Case:
        files = {"orders_2020-01-05.parquet": parquet_bytes(first), "orders_2020-01-06.parquet": parquet_bytes(second)}
        return Case(name, about, files, orders(day, **(source or {})), window=TWO_DAYS, rows=of_orders(rows), **other)

    later = [order(n, day=6) for n in range(3)]
    local = [order(n, event_time="2020-01-05 02:00:00") for n in range(3)]  # 10:00 in Shanghai
    shanghai = {"timezone": "Asia/Shanghai"}
    times = [moment] * 3
    aware = [moment.replace(tzinfo=UTC)] * 3
    cats = {"product_id": ["p1", "p2", "p3"], "cats": pa.array([["Home", "Mugs"], [], None], pa.list_(pa.string()))}
    return [
        case("parquet_date32", "a date as time", typed("event_time", [date(2020, 1, 5)] * 3), [order(n, event_time="2020-01-05 00:00:00") for n in range(3)]),
        case("parquet_micros", "naive microseconds are the shop's local time", typed("event_time", times, pa.timestamp("us")), local, conf=shanghai),
        case("parquet_millis", "naive milliseconds are the shop's local time", typed("event_time", times, pa.timestamp("ms")), local, conf=shanghai),
        case("parquet_nanos_local", "naive nanoseconds are the shop's local time", typed("event_time", times, pa.timestamp("ns")), local, conf=shanghai),
        case("parquet_micros_aware", "microseconds with a zone", typed("event_time", aware, pa.timestamp("us", "UTC")), conf=shanghai),
        case("parquet_millis_aware", "milliseconds with a zone", typed("event_time", aware, pa.timestamp("ms", "Europe/Paris")), conf=shanghai),
        case("parquet_nanos_aware", "nanoseconds with a zone", typed("event_time", aware, pa.timestamp("ns", "Europe/Paris")), conf=shanghai),
        case("parquet_int96", "INT96 times, as Impala and old Spark write", typed("event_time", times, pa.timestamp("ns")),
             parquet={"use_deprecated_int96_timestamps": True}),
        case("parquet_nanos_expression", "nanoseconds inside an expression", typed("event_time", times, pa.timestamp("ns")),
             source={"mapping": {"event_time": "date_format(event_time, 'yyyy-MM-dd HH:mm:ss')"}}),
        case("parquet_nanos_nulls", "nanoseconds with a missing one", typed("event_time", [moment, None, moment], pa.timestamp("ns")), [three[0], three[2]],
             quarantined={"event_time is missing": 1}),
        case("parquet_pandas", "as pandas writes it, with its index",
             pa.Table.from_pandas(pd.DataFrame(order_columns(three, event_time=pd.to_datetime(times))).set_index("order_id"))),
        case("parquet_decimal", "decimal prices", typed("price", [Decimal("2.50")] * 3, pa.decimal128(10, 2))),
        case("parquet_float32", "prices as 32-bit floats", typed("price", [2.5] * 3, pa.float32())),
        case("parquet_float32_tenth", "a price that 32-bit floats cannot hold exactly", typed("price", [0.1] * 3, pa.float32()), [order(n, price=0.1) for n in range(3)]),
        case("parquet_large_string", "large strings", typed("user_id", ["u0", "u1", "u2"], pa.large_string())),
        case("parquet_dictionary", "categories of pandas", order_columns(three, user_id=pa.array(["u0", "u1", "u2"]).dictionary_encode())),
        case("parquet_binary", "ids as bytes", typed("user_id", [b"u0", b"u1", b"u2"], pa.binary())),
        case("parquet_uint64", "ids beyond the largest signed number", typed("user_id", [2**64 - 1, 2**63, 5], pa.uint64()),
             [order(0, str(2**64 - 1)), order(1, str(2**63)), order(2, "5")]),
        case("parquet_float_ids", "ids as floats, with NaN and null", typed("user_id", [17850.0, float("nan"), None], pa.float64()),
             [order(0, "17850"), order(1, None), order(2, None)]),
        case("parquet_float_ids_large", "ids as floats beyond 10^7", typed("user_id", [12345678.0, 1e15 + 1, 9007199254740992.0], pa.float64()),
             [order(0, "12345678"), order(1, "1000000000000001"), order(2, "9007199254740992")]),
        case("parquet_decimal_ids", "ids as decimals without a fraction", typed("user_id", [Decimal(17850), Decimal(17851), None], pa.decimal128(38, 0)),
             [order(0, "17850"), order(1, "17851"), order(2, None)]),
        case("parquet_float_quantity", "quantities as floats", typed("quantity", [1.0, 2.0, 1.5], pa.float64()), [order(0), order(1, quantity=2)],
             quarantined={"quantity is not a whole number": 1}),
        case("parquet_case", "names in another case", {name.upper(): values for name, values in order_columns(three).items()}),
        case("parquet_name_dot", "a name with a dot", {name.replace("_", "."): values for name, values in order_columns(three).items()},
             source={"mapping": {c: f"`{c.replace('_', '.')}`" for c in ORDER}}),
        case("parquet_name_blank", "names with blanks and brackets", order_columns(three, user_id=None) | {"user (id), no": ["u0", "u1", "u2"]},
             source={"mapping": {"user_id": "`user (id), no`"}}),
        case("parquet_names_ours", "columns named as our own", order_columns(three) | {"__row": [1, 2, 3], "__broken": ["x"] * 3, "__file": ["y"] * 3}),
        case("parquet_time_unused", "a time of day that is not mapped", order_columns(three) | {"clock": pa.array([time(10)] * 3, pa.time64("us"))}),
        case("parquet_time_nanos_unused", "a time of day in nanoseconds that is not mapped",
             order_columns(three) | {"clock": pa.array([time(10)] * 3, pa.time64("ns"))}),
        case("parquet_struct", "a column of structs, by its dot",
             order_columns(three, user_id=None) | {"user": pa.array([{"id": f"u{n}"} for n in range(3)])}, source={"mapping": {"user_id": "user.id"}}),
        case("parquet_nanos_in_struct", "nanoseconds inside a struct that is not mapped",
             order_columns(three) | {"meta": pa.array([{"at": moment}] * 3, pa.struct([("at", pa.timestamp("ns"))]))}),
        Case("parquet_list_join", "a column of lists with join", SHOP_ORDERS | {"products.parquet": parquet_bytes(cats)},
             products("products.parquet", ("product_id", "category"), {"category": "cats"}, join=" > "),
             rows=of_products([("p1", "Home > Mugs"), ("p2", None), ("p3", None)], ("product_id", "category"))),
        Case("parquet_list_no_join", "a column of lists without join", SHOP_ORDERS | {"products.parquet": parquet_bytes(cats)},
             products("products.parquet", ("product_id", "category"), {"category": "cats"}), status=2, says=("category", "join")),
        Case("parquet_bool", "true and false as attributes",
             SHOP_ORDERS | {"products.parquet": parquet_bytes({"product_id": ["p1", "p2"], "title": ["A", "B"], "vegan": [True, None]})},
             products("products.parquet", attributes={"vegan": "vegan"}),
             rows=of_products([("p1", "A", {"vegan": "true"}), ("p2", "B", None)], (*PRODUCT, "attributes"))),
        days("parquet_days_decimal", "decimals of other scales", order_columns(three, price=pa.array([Decimal("2.50")] * 3, pa.decimal128(10, 2))),
             order_columns(later, price=pa.array([Decimal("2.5000")] * 3, pa.decimal128(12, 4))), [*three, *later]),
        days("parquet_days_decimal_float", "decimals, then floats", order_columns(three, price=pa.array([Decimal("2.50")] * 3, pa.decimal128(10, 2))),
             order_columns(later), [*three, *later]),
        days("parquet_days_text_int", "ids as text, then as numbers", order_columns([order(n, f"{n}") for n in range(3)]),
             order_columns(later, user_id=pa.array([0, 1, 2])), [*(order(n, f"{n}") for n in range(3)), *(order(n, f"{n}", 6) for n in range(3))]),
        days("parquet_days_times", "times as text, then as nanoseconds", order_columns(three),
             order_columns(later, event_time=pa.array([datetime(2020, 1, 6, 10)] * 3, pa.timestamp("ns"))), [*three, *later]),
        days("parquet_days_micros_nanos", "times in microseconds, then nanoseconds",
             order_columns(three, event_time=pa.array(times, pa.timestamp("us"))),
             order_columns(later, event_time=pa.array([datetime(2020, 1, 6, 10)] * 3, pa.timestamp("ns"))), [*three, *later]),
        days("parquet_days_extra", "one more column on day two", order_columns(three), order_columns(later) | {"coupon": ["x"] * 3}, [*three, *later]),
        days("parquet_days_reordered", "other order of columns on day two", order_columns(three),
             dict(reversed(order_columns(later).items())), [*three, *later]),
        days("parquet_days_optional", "an optional column is gone on day two", order_columns(three), order_columns(later, user_id=None),
             [*three, *(order(n, None, 6) for n in range(3))], {"optional": ["user_id"]}),
        days("parquet_days_empty", "no rows on day two", order_columns(three), pa.table(order_columns(later)).slice(0, 0), [], status=2,
             says=("orders_2020-01-06.parquet", "empty_day: allowed")),
        days("parquet_days_empty_allowed", "no rows on day two, allowed", order_columns(three), pa.table(order_columns(later)).slice(0, 0), three,
             {"empty_day": "allowed"}),
        Case("parquet_partitions", "a folder of day=... folders",
             {f"orders/day=2020-01-{n + 5:02}/part.parquet": parquet_bytes(order_columns([row], event_time=None)) for n, row in enumerate(three)},
             orders("orders", {"event_time": "concat(day, ' 10:00:00')"}, format="parquet"), rows=of_orders([order(n, day=n + 5) for n in range(3)])),
        Case("parquet_folder_types", "a folder whose files have ids of other types",
             {"orders/1.parquet": parquet_bytes(order_columns([order(0, "7")])), "orders/2.parquet": parquet_bytes(order_columns([order(1)], user_id=pa.array([7]))),
              "orders/3.parquet": parquet_bytes(order_columns([order(2)], user_id=pa.array([7.0]))), "orders/_SUCCESS": b""},
             orders("orders", format="parquet"), rows=of_orders([order(n, "7") for n in range(3)]), records=3),
        Case("parquet_truncated", "a file that is cut off", {"orders.parquet": parquet_bytes(order_columns(three))[:-40]}, orders("orders.parquet"),
             status=2, says=("orders.parquet", "broken")),
        Case("parquet_is_csv", "CSV that is called Parquet", {"orders.parquet": csv_bytes(three)}, orders("orders.parquet"), status=2, says=("orders.parquet",)),
    ]  # fmt: skip


def expression_cases() -> list[Case]:
    """Mappings that are refused in one line, and expressions that some rows cannot bear."""
    three = [order(n) for n in range(3)]
    files = {"orders.csv": csv_bytes(three)}

    def refused(name: str, about: str, column: str, sql: str, *says: str) -> Case:
        return Case(
            name,
            about,
            files,
            orders(mapping={column: sql}),
            status=2,
            says=(f"sources.orders.columns.{column}", *says),
        )

    def bears(
        name: str,
        about: str,
        bad: tuple[Any, ...],
        mapping: dict[str, str],
        rows: Sequence[tuple[Any, ...]] = three,
        **other: Any,
    ) -> Case:
        return Case(
            name,
            about,
            {"orders.csv": csv_bytes([*three, bad])},
            orders(mapping=mapping),
            rows=of_orders(rows),
            **other,
        )

    secret = "/etc/hostname"
    return [
        refused("expr_subquery", "a subquery that reads a file of the machine", "user_id", f"(select first(value) from text.`{secret}`)"),
        refused("expr_exists", "a subquery in exists", "user_id", f"cast(exists(select 1 from text.`{secret}`) as string)"),
        refused("expr_in_subquery", "a subquery in `in`", "user_id", f"cast(user_id in (select value from text.`{secret}`) as string)"),
        refused("expr_reflect", "reflect runs Java", "user_id", "reflect('java.lang.System', 'getenv', 'REASONREC_KEY')"),
        refused("expr_try_reflect", "try_reflect runs Java", "user_id", "try_reflect('java.lang.System', 'getenv', 'REASONREC_KEY')"),
        refused("expr_java_method", "java_method runs Java", "user_id", "java_method('java.lang.System', 'getenv', 'REASONREC_KEY')"),
        refused("expr_reflect_nested", "reflect inside another function, in capitals", "user_id", "concat('x', /* */ REFLECT ('java.lang.System', 'getenv', 'PATH'))"),
        refused("expr_reflect_quoted", "reflect in back quotes", "user_id", "`reflect`('java.lang.System', 'getenv', 'PATH')"),
        refused("expr_explode", "a function that gives many rows", "product_id", "explode(array(product_id, 'x'))"),
        refused("expr_stack", "stack gives many rows", "product_id", "stack(2, product_id, 'x')"),
        refused("expr_aggregate", "an aggregate", "price", "sum(price)"),
        refused("expr_window", "a window function", "order_id", "cast(row_number() over (order by order_id) as string)"),
        refused("expr_alias", "a blank that makes an alias", "user_id", "user_id name"),
        refused("expr_alias_as", "an alias", "user_id", "user_id as name"),
        refused("expr_unknown", "a column that is not there", "user_id", "userid", "userid", "order_id"),
        refused("expr_syntax", "no expression", "price", "cast(price as"),
        refused("expr_star", "a star", "user_id", "*"),
        refused("expr_rand", "another value each time", "user_id", "concat('u', rand())"),
        refused("expr_uuid", "another id each time", "order_id", "uuid()"),
        refused("expr_now", "the clock of the run", "event_time", "current_timestamp()"),
        refused("expr_function", "a function that is not there", "price", "to_price(price)", "to_price"),
        Case("expr_where_subquery", "a subquery in where", files, orders(where=f"exists(select 1 from text.`{secret}`)"), status=2, says=("sources.orders.where",)),
        Case("expr_exclude_reflect", "reflect in exclude", files, orders(exclude={"x": "reflect('java.lang.System', 'getenv', 'PATH') = 'x'"}), status=2,
             says=("sources.orders.exclude.x",)),
        Case("expr_sensitive_subquery", "a subquery in sensitive", files, orders(sensitive={"x": f"(select first(value) from text.`{secret}`)"}), status=2,
             says=("sources.orders.sensitive.x",)),
        bears("expr_pattern", "a time that the pattern does not fit, though an older Spark would read it", order(9, event_time="2020-1-5 1:00:00"),
              {"event_time": "to_timestamp(event_time, 'yyyy-MM-dd HH:mm:ss')"}, quarantined={"event_time": 1}),
        bears("expr_make_date", "a month 13", order(9, event_time="2020-13-05 10:00:00"),
              {"event_time": "concat(make_date(substr(event_time, 1, 4), substr(event_time, 6, 2), substr(event_time, 9, 2)), ' 10:00:00')"}, quarantined={"event_time": 1}),
        bears("expr_cast", "a number that is none", order(9, quantity="many"), {"quantity": "cast(quantity as int)"}, quarantined={"quantity": 1}),
        bears("expr_index", "an element that is not there", order(9, "u9"), {"user_id": "split(concat(user_id, if(order_id = 'o9', '', '@x')), '@')[0]", "product_id": "split(concat(product_id, if(order_id = 'o9', '', '@p1')), '@')[1]"},
              quarantined={"product_id": 1}),
        bears("expr_element_at", "an element that is not there, by element_at", order(9), {"product_id": "element_at(split(if(order_id = 'o9', 'x', 'x@p1'), '@'), 2)"},
              quarantined={"product_id": 1}),
        bears("expr_division", "a division by zero", order(9, quantity=0), {"price": "2.5 / quantity"}, quarantined={"": 1}),
        bears("expr_seconds", "seconds that no time has", order(9, event_time="9" * 18), {"event_time": "timestamp_seconds(cast(if(order_id = 'o9', event_time, '1578218400') as bigint))"},
              quarantined={"event_time": 1}),
        bears("expr_from_unixtime", "an epoch that no time has", order(9, event_time="9" * 18), {"event_time": "from_unixtime(cast(if(order_id = 'o9', event_time, '1578218400') as bigint))"},
              quarantined={"event_time": 1}),
        bears("expr_raise", "an error that the mapping raises", order(9), {"product_id": "if(order_id = 'o9', raise_error('x'), product_id)"}, status=2,
              says=()),
        refused("expr_bad_pattern", "a pattern that no time has", "event_time", "to_timestamp(event_time, 'bbb-ww-qqq')"),
    ]  # fmt: skip


def conf_cases() -> list[Case]:
    """Mistakes in the shop's file: one line before anything runs."""
    files = {"orders.csv": csv_bytes([order(1)])}
    shop = """max_quarantine_share: 1.0
sources:
  orders:
    kind: transactions
    path: CASES/orders.csv
    format: csv
    columns:
      order_id: order_id
      user_id: user_id
      product_id: product_id
      event_time: event_time
      quantity: quantity
      price: price
"""

    def refused(name: str, about: str, conf: str, *says: str) -> Case:
        return Case(name, about, files, conf=conf, status=2, says=("tiny.yaml", *says))

    return [
        refused("conf_key_twice", "a key twice in YAML", shop.replace("      price: price\n", "      price: price\n      price: quantity\n"), "price", "twice"),
        refused("conf_top_key_twice", "a key twice at the top", shop + "max_quarantine_share: 0.5\n", "max_quarantine_share", "twice"),
        refused("conf_source_twice", "a source twice", shop + shop.split("sources:\n")[1], "orders", "twice"),
        refused("conf_currency", "currency: usd", shop + "currency: usd\n", "currency", "USD"),
        refused("conf_language", "a language without a pack", shop + "languages: [en, fr]\n", "languages", "fr"),
        refused("conf_format", "a format that does not exist", shop.replace("format: csv", "format: xlsx"), "sources.orders.format"),
        refused("conf_column", "a column that the contract lacks", shop.replace("price: price", "prise: price"), "sources.orders", "prise"),
        refused("conf_required", "a required column is not mapped", shop.replace("      price: price\n", ""), "sources.orders", "price"),
        refused("conf_quote", "two signs as quote", shop + "    quote: '\"\"'\n", "sources.orders.quote"),
        refused("conf_optional", "optional names a column that is not mapped", shop + "    optional: [cost]\n", "optional", "cost"),
        refused("conf_empty_delimiter", "no sign as delimiter", shop + "    delimiter: ''\n", "sources.orders.delimiter"),
        Case("conf_tab_in_quotes", "delimiter as YAML's \"\\t\"", {"orders.csv": csv_bytes([order(1)], delimiter="\t")}, conf=shop + '    delimiter: "\\t"\n',
             rows=of_orders([order(1)])),
    ]  # fmt: skip


CASES: tuple[Case, ...] = (
    *shared_cases(), *csv_cases(), *hostile_cases(), *json_cases(), *parquet_cases(), *expression_cases(), *conf_cases(),
)  # fmt: skip
