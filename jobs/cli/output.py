"""Rendering for the terminal and files: answers as table, csv, json or parquet; `why`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from libs.errors import OperatorError
from libs.logs import visible
from libs.query.why import Why


def render(answer: pa.Table, form: str, output: Path | None = None) -> str:
    """The answer as text. With `output` it is written to that file, and the text names the file and the number of rows.

    Raises:
        OperatorError: an unknown form, or parquet without an output.
    """
    if form not in ("table", "csv", "json", "parquet"):
        raise OperatorError(f"--format {form}: choose table, csv, json or parquet")
    if form == "parquet":
        if output is None:
            raise OperatorError("--format parquet needs --output FILE")
        with output.open("xb") as file:
            pa.parquet.write_table(answer, file)
        return f"{output}: {answer.num_rows} rows\n"
    text = {"table": _table, "csv": _csv, "json": _json}[form](answer)
    if output is None:
        return visible(text) if sys.stdout.isatty() else text  # a program gets the exact bytes
    with output.open("x", encoding="utf-8") as file:
        file.write(text)
    return f"{output}: {answer.num_rows} rows\n"


def check_output(output: Path | None, warehouse: str) -> None:
    """Refuses an output that would overwrite a file, follow a link or write into the warehouse.

    Raises:
        OperatorError: the output is not a new file in an existing folder outside the warehouse.
    """
    if output is None:
        return
    name, place = repr(str(output)), urlparse(warehouse)
    if ":" in str(output).split("/")[0] or ".." in output.parts or not str(output).isprintable():
        raise OperatorError(f"--output {name}: write a plain path, without `..` and without a scheme")
    try:
        exists, folder = output.is_symlink() or output.exists(), output.parent.resolve()
        folder_exists = folder.is_dir()
    except (OSError, ValueError):
        raise OperatorError(f"--output {name}: not a file name") from None
    if exists:
        raise OperatorError(f"--output {name}: exists already; name a new file")
    if not folder_exists:
        raise OperatorError(f"--output {name}: its folder does not exist")
    if place.scheme == "file" and folder.is_relative_to(Path(place.path).resolve()):
        raise OperatorError(f"--output {name}: is in the warehouse, where only jobs write")


def render_why(why: Why) -> str:
    """A recommendation, its sentences, and each fact with its contribution, support and source."""
    row = why.recommendation
    lines = [f"#{row['rank']} {row['title']}  (release {row['release_id']}, score {row['score']:.4f})"]
    parts = sorted(_pairs(row["contributions"]), key=lambda pair: -pair[1])
    lines += [
        "  score: " + ", ".join(f"{source} {part:.4f}" for source, part in parts),
        f"  models: {row['model_version']}",
    ]
    for sentence in why.sentences:
        state = "checked" if sentence["grounded"] else "NOT GROUNDED"
        lines.append(f"  [{sentence['language']}] {sentence['sentence']}  ({sentence['generator']}, {state},"
                     f" faithfulness {sentence['faithfulness']:.2f})")  # fmt: skip
    cited = {fact for sentence in why.sentences for fact in sentence["evidence_ids"]}
    for fact in why.facts:
        slots = ", ".join(f"{name}={value}" for name, value in sorted(_pairs(fact["slots"])))
        keys = ", ".join(f"{name}={value}" for name, value in sorted(_pairs(fact["source_keys"])))
        if fact["review_ids"]:
            keys += f", reviews={','.join(fact['review_ids'])}"
        lines += [
            f"  {'*' if fact['evidence_id'] in cited else ' '} {fact['role']:11} {fact['type']:16} {slots}",
            f"      moved the score by {fact['contribution']:.4f}; support {fact['support']};"
            f" from {fact['source_table']} version {fact['source_version']}: {keys}",
        ]
    return visible("\n".join([*lines, "  * cited by a sentence", ""]))


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """A map as DuckDB gives it: a dict, or a list of pairs."""
    return list(value.items()) if isinstance(value, dict) else [tuple(pair) for pair in value or []]


def _table(answer: pa.Table) -> str:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(*answer.column_names)
    for row in answer.to_pylist():
        # Text, because product names and reviews must not be read as markup.
        shown.add_row(*[Text("" if value is None else visible(str(value))) for value in row.values()])
    # Files and pipes get wide tables so that nothing is cut off; a terminal sets its own width.
    console = Console(width=None if sys.stdout.isatty() else 300)
    with console.capture() as captured:
        console.print(shown)
        console.print(f"{answer.num_rows} rows")
    return captured.get()


def _csv(answer: pa.Table) -> str:
    flat = pa.table({name: _flat(answer[name]) for name in answer.column_names})
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(flat, sink, pa.csv.WriteOptions(quoting_style="needed"))
    return str(sink.getvalue().to_pybytes().decode())


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if not pa.types.is_nested(column.type):
        return column
    return pa.array([None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()])


def _json(answer: pa.Table) -> str:
    rows = [json.dumps(row, ensure_ascii=False, default=str) for row in answer.to_pylist()]
    return "".join(f"{row}\n" for row in rows)
