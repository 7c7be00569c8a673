"""Looks for bytes in every file below a folder; Parquet files are read, so that no compression hides anything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq


def files_with(folder: Path, needles: Iterable[str]) -> dict[str, list[str]]:
    """Needle -> files that hold it, as bytes of the file or as a value of one of its columns."""
    found: dict[str, list[str]] = {needle: [] for needle in needles}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            text += str(pq.ParquetFile(path).read().to_pydict())
        for needle, files in found.items():
            if needle.encode().decode("latin-1") in text or needle in text:
                files.append(str(path.relative_to(folder)))
    return found
