"""The first rows of a file of any format, and what its mapping must say to read it."""

from __future__ import annotations

import ast
import bz2
import gzip
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import duckdb

from libs.draft.column import Column, Type
from libs.draft.names import squashed
from libs.errors import OperatorError

ROWS = 20_000
_PARTS = 5  # places of a file that are looked at
_HEAD = 1 << 20  # bytes by which format and encoding are told
_MOST_CHARS = 32 << 20  # of a text file that are looked at
_MANY_SIGNS = ("::", "|||", "||", "~|~", "\x01", "^")  # delimiters that the sniffer does not try
_SEP_LINE = re.compile(r'"?sep=(.)"?')
_MOST_FIELDS = 30  # an object with more is a map from keys to values, no record
_ENCODINGS = ["cp1252", "gb18030", "cp1251", "cp1250", "shift_jis", "euc_kr", "big5"]


class UnreadableFileError(OperatorError):
    """A file that is no table in a format that a mapping can name."""


@dataclass(frozen=True)
class Sample:
    """A file's first rows.

    Attributes:
        settings: keys of the mapping beside `format`, with a reason each.
        header: names for the columns of a file that has no header line.
        notes: what the mapping cannot mend.
    """

    path: Path
    format: str
    columns: list[Column]
    rows: int
    settings: dict[str, tuple[str, str]] = field(default_factory=dict)
    header: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def read_sample(path: Path) -> Sample:
    """The first `ROWS` rows of a file or of a Delta table.

    Raises:
        UnreadableFileError: the file cannot be read, holds no rows, or is no table.
    """
    try:
        return _read(path)
    except (OSError, EOFError, duckdb.Error, UnicodeError) as error:
        raise UnreadableFileError(f"{path}: cannot be read: {str(error).splitlines()[0][:200]}") from None


def _read(path: Path) -> Sample:
    if (path / "_delta_log").is_dir():
        from deltalake import DeltaTable

        return _typed(path, "delta", DeltaTable(str(path)).to_pyarrow_dataset().head(ROWS))
    with _opened(path) as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise UnreadableFileError(f"{path}: is empty")
    if head.startswith(b"PAR1"):
        return _typed(path, "parquet", _parquet_rows(path))
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableFileError(f"{path}: is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV")
    encoding = encoding_of(head)
    text = head.decode(encoding, "ignore").lstrip("\ufeff").lstrip()
    if text.startswith(("{", "[")):
        return _json(path, encoding, text)
    if "\x00" in text[:1000]:
        raise UnreadableFileError(f"{path}: is no text; deliver CSV, JSON lines, Parquet or Delta")
    return _csv(path, encoding)


def encoding_of(head: bytes) -> str:
    """The encoding of a text by its mark, else UTF-8 if it is valid, else the most likely of the usual ones."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for cut in range(4):  # the last letter may be cut
        try:
            head[: len(head) - cut].decode("utf-8-sig")
            return "utf-8"
        except UnicodeDecodeError:
            pass
    from charset_normalizer import from_bytes

    lines = b"\n".join(line for line in head.splitlines()[:-1] or [head] if not line.isascii())[:100_000]
    best = from_bytes(lines, cp_isolation=_ENCODINGS).best()
    if best is None:
        return "cp1252"
    return next(name for name in (*_ENCODINGS, best.encoding) if lines.decode(name, "replace") == str(best))


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(3)
    if magic[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.open(path))
    return bz2.open(path) if magic == b"BZh" else path.open("rb")


def _parquet_rows(path: Path) -> Any:
    """Rows from the beginning to the end of the file: a file in the order of time has other dates at its end."""
    import pyarrow as pa

    connection = duckdb.connect()
    (total,) = connection.execute("SELECT sum(num_rows)::bigint FROM parquet_file_metadata(?)", [str(path)]).fetchall()[
        0
    ]
    part = ROWS // _PARTS
    starts = range(0, total or 1, max(part, (total or 1) // _PARTS))
    query = "SELECT * FROM parquet_scan(?) LIMIT ? OFFSET ?"
    return pa.concat_tables(
        [connection.sql(query, params=[str(path), part, start]).to_arrow_table() for start in starts]
    )


def _typed(path: Path, form: str, rows: Any) -> Sample:
    """Rows of a file that has types. Fields of objects are columns of their own."""
    import pyarrow as pa

    columns: list[Column] = []
    for name in rows.column_names:
        kind = rows.schema.field(name).type
        if pa.types.is_timestamp(kind):
            values: tuple[Any, ...] = tuple(rows[name].cast(pa.timestamp("us"), safe=False).to_pylist())
        else:
            values = tuple(rows[name].to_pylist())
        columns += _flat((name,), values, exact=True)
    if not rows.num_rows:
        raise UnreadableFileError(f"{path}: has no rows")
    return Sample(path, form, columns, rows.num_rows)


def _json(path: Path, encoding: str, text: str) -> Sample:
    settings: dict[str, tuple[str, str]] = {}
    packed = path.suffix not in ("", ".gz") and _is_packed(path) and path.suffix != ".gz"
    try:
        if encoding == "utf-8" and not packed:
            records = _json_rows(path)
        else:
            settings["encoding"] = (encoding, "told by the file's bytes")
            with tempfile.TemporaryDirectory() as folder:
                records = _json_rows(_head_as_utf8(path, encoding, Path(folder)))
    except (duckdb.Error, ValueError):
        first = text.splitlines()[0]
        try:
            ast.literal_eval(first)
        except (ValueError, SyntaxError):
            raise UnreadableFileError(f"{path}: begins as JSON but is none") from None
        raise UnreadableFileError(
            f"{path}: its lines are Python literals, not JSON ('...' for \"...\"): write them again with json.dumps"
        ) from None
    objects = [record for record in records if isinstance(record, dict)]
    if not objects:
        raise UnreadableFileError(f"{path}: holds no JSON objects")
    names = list(dict.fromkeys(name for record in objects for name in record))
    if len(names) > 500:
        raise UnreadableFileError(
            f"{path}: is one JSON object from keys to values, no table; write one object a line, the key in a field"
        )
    columns = [column for n in names for column in _flat((n,), tuple(r.get(n) for r in objects), exact=False)]
    return Sample(path, "jsonl", columns, len(objects), settings)


def _json_rows(path: Path) -> list[Any]:
    query = "SELECT json FROM read_json_objects_auto(?, maximum_object_size=67108864) LIMIT ?"
    return [json.loads(text) for (text,) in duckdb.connect().execute(query, [str(path), ROWS]).fetchall()]


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"\x1f\x8b", b"BZ")


def _flat(path: tuple[str, ...], values: tuple[Any, ...], exact: bool) -> Iterator[Column]:
    """A column, or the columns of its fields if its values are records."""
    filled = [value for value in values if value is not None]
    records = [value for value in filled if isinstance(value, dict)]
    if records and len(records) == len(filled):
        names = list(dict.fromkeys(name for record in records for name in record))
        if len(names) <= _MOST_FIELDS and len(path) < 3:
            for name in names:
                yield from _flat((*path, name), tuple((value or {}).get(name) for value in values), exact)
            return
    yield Column(path, _type(filled), tuple(map(_plain, values)), exact)


def _type(values: list[Any]) -> Type:
    kinds = {type(value) for value in values}
    for python, type_ in ((list, "list"), (dict, "struct"), (str, "text"), (datetime, "timestamp"), (date, "date")):
        if python in kinds:
            return cast(Type, type_)
    if kinds and kinds <= {bool}:
        return "bool"
    return "int" if kinds and kinds <= {int, bool} else "float" if kinds else "text"


def _plain(value: Any) -> Any:
    """Floats as they are written once they are text: parquet's 17850.0 comes as 17850."""
    if isinstance(value, float) and value != value:
        return None
    return float(value) if isinstance(value, Decimal) else value


def _csv(path: Path, encoding: str) -> Sample:
    settings: dict[str, tuple[str, str]] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = _head_as_utf8(path, encoding, Path(folder))
        with copy.open(encoding="utf-8", newline="") as file:
            lines = [line.rstrip("\r\n") for line in islice(file, 200)]
        if encoding != "utf-8":
            settings["encoding"] = (encoding, "told by the file's bytes")
        try:
            grammar, skipped = _sniffed(copy, lines)
            rows = _csv_rows(copy, grammar, skipped)
        except duckdb.Error:
            raise UnreadableFileError(f"{path}: is no table: its lines do not hold equally many fields") from None
    if not rows:
        raise UnreadableFileError(f"{path}: has no rows")
    if skipped and not _SEP_LINE.fullmatch(lines[0]):
        notes.append(f"the table begins at line {skipped + 1}: delete the lines before it")
    delimiter, quote, escape = grammar
    if delimiter != ",":
        words = {"\t": "tab"}
        settings["delimiter"] = (words.get(delimiter, delimiter), "told by the lines")
    if quote and quote != '"':
        settings["quote"] = (quote, "told by the lines")
    elif not quote and any(cell and cell.startswith('"') for row in rows for cell in row):
        settings["quote"] = ("\x02", 'a sign that the file does not hold: " is a letter here, no quote')
    if escape and quote and escape != quote:
        settings["escape"] = (escape, "a quote inside quotes follows it")
    names, header = _header(rows)
    body = rows if header else rows[1:]
    if not body:
        raise UnreadableFileError(f"{path}: has a header and no rows")
    columns = [Column((name,), "text", values) for name, values in zip(names, zip(*body, strict=True), strict=True)]
    columns = [column for column in columns if column.name]
    return Sample(path, "csv", columns, len(body), settings, header, notes)


def _head_as_utf8(path: Path, encoding: str, folder: Path) -> Path:
    """The first lines of a text file in a copy that the sniffer can read."""
    import codecs

    copy, size = folder / "head.csv", path.stat().st_size
    plain = encoding != "utf-16" and not _is_packed(path)
    with _opened(path) as file, copy.open("w", encoding="utf-8", newline="") as out:
        reader = codecs.getreader("utf-8-sig" if encoding == "utf-8" else encoding)(file, "replace")
        left, lines = _MOST_CHARS, 0
        while left > 0 and lines < ROWS // 2 and (chunk := reader.read(1 << 16)):
            out.write(chunk.replace("\x00", ""))
            left, lines = left - len(chunk), lines + chunk.count("\n")
        read = file.tell()
        if chunk and plain and size > read + (_PARTS << 20):
            out.write(reader.readline())
            for part in range(1, _PARTS):  # up to the last whole line of each part
                file.seek(read + (size - read) // _PARTS * part)
                _, *whole, _ = file.read(1 << 18).split(b"\n")
                out.writelines(line.decode(encoding, "replace") + "\n" for line in whole[: ROWS // _PARTS])
        else:
            while left > 0 and lines < ROWS * 2 and (chunk := reader.read(1 << 16)):
                out.write(chunk.replace("\x00", ""))
                left, lines = left - len(chunk), lines + chunk.count("\n")
    return copy


def _sniffed(copy: Path, lines: list[str]) -> tuple[tuple[str, str, str], int]:
    """((delimiter, quote, escape), lines before the table)."""
    options, skip = "sample_size=20480, ignore_errors=true, null_padding=true, all_varchar=true", 0
    values: list[Any] = [str(copy)]
    sep = _SEP_LINE.fullmatch(lines[0]) if lines else None
    if sep:
        skip, delimiter = 1, sep[1]
    else:
        delimiter = next((sign for sign in _MANY_SIGNS if _parts_all(lines, sign)), None)
    if delimiter:
        options, values = f"{options}, delim=?, skip=?", [*values, delimiter, skip]
    row = duckdb.connect().execute(f"FROM sniff_csv(?, {options})", values).fetchall()[0]
    found, quote, escape = ("" if part == "(empty)" else part for part in row[:3])
    return (found or ",", quote, escape), max(skip, row[5])


def _parts_all(lines: list[str], sign: str) -> bool:
    counts = {line.count(sign) for line in lines[:50] if line.strip()}
    return len(counts) == 1 and counts != {0}


def _csv_rows(copy: Path, grammar: tuple[str, str, str], skip: int) -> list[tuple[str | None, ...]]:
    query = """SELECT * FROM read_csv(?, delim=?, quote=?, escape=?, skip=?, header=false, all_varchar=true,
        ignore_errors=true, null_padding=true, strict_mode=false, auto_detect=true, sample_size=20480,
        max_line_size=33554432) LIMIT ?"""
    delimiter, quote, escape = grammar
    values = [str(copy), delimiter, quote, escape, skip, ROWS + 1]
    return cast(list[tuple[str | None, ...]], duckdb.connect().execute(query, values).fetchall())


def _header(rows: list[tuple[str | None, ...]]) -> tuple[list[str], list[str] | None]:
    """(names, the same if the file has no header line, else None)."""
    first = [(cell or "").strip() for cell in rows[0]]
    named = [cell for cell in first if cell]
    data = any(re.fullmatch(r"[+-]?\d+([.,:/-]\d+)*.*", cell) for cell in named)
    if not data and named and len(set(named)) == len(named):
        return first, None
    columns = [Column((f"column{n}",), "text", values) for n, values in enumerate(zip(*rows, strict=True))]
    names = names_by_values(columns)
    return names, names


def names_by_values(columns: list[Column]) -> list[str]:
    """Names for the columns of a file without a header."""
    from libs.draft.times import time_of

    names: dict[int, str] = {}
    for n, column in enumerate(columns):
        numbers = column.numbers
        verbs = {"pv", "view", "click", "buy", "cart", "fav", "purchase", "play", "addtocart"}
        if column.distinct and {squashed(text) for text in list(column.distinct)[:50]} & verbs:
            name = "event"
        elif column.distinct and column.distinct <= {"M", "F", "m", "f"}:
            name = "gender"
        elif "event_time" not in names.values() and (n > 1 or not numbers) and time_of(column):
            name = "event_time"
        elif numbers and len(column.distinct) <= 11 and min(numbers) >= 0 and 3 <= max(numbers) <= 5 and n > 1:
            name = "rating"
        elif column.matching(r"[^|]+(\|[^|]+)*") == 1 and any("|" in text for text in column.texts):
            name = "category"
        elif column.spaced > 0.5:
            name = "title" if column.length < 80 else "text"
        else:
            continue
        if name not in names.values():
            names[n] = name
    people = "gender" in names.values()
    acts = {"rating", "event_time", "event"} & set(names.values())
    things = {"title", "category"} & set(names.values()) and not acts
    ids = ["user_id"] if people else ["product_id"] if things else ["user_id", "product_id"]
    if acts and names.get(1) == "title":  # products by name, no id
        names = {n: "product" if name == "title" else name for n, name in names.items()}
        ids = ["user_id"]
    for n in range(len(columns)):
        names.setdefault(n, ids.pop(0) if ids else f"column{n + 1}")
    return [names[n] for n in range(len(columns))]
