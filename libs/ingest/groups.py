"""Files of a source with one schema, and what files of every format have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.conf.shop import SourceConf
from libs.errors import OperatorError
from libs.ingest.files import SourceFile
from libs.ingest.lines import FILE, ROW

# Added to the source's columns, with ROW and FILE: ROW if it cannot be read, else null; its file's {date}.
BROKEN, DELIVERED = "__broken", "__delivered"
ADDED = (ROW, BROKEN, DELIVERED, FILE)


@dataclass(frozen=True)
class FileGroup:
    """Files of a source with one schema: their rows (the source's columns and ADDED), and the files for messages."""

    frame: DataFrame
    files: list[str]


class Counted(NamedTuple):
    groups: list[FileGroup]
    records: dict[str, int]  # by file; a Delta table has 1 if it has any: it counts for emptiness only


def with_partitions(frame: DataFrame, files: list[SourceFile]) -> DataFrame:
    """Adds a text column for each `name=value` folder that all files lie in, unless there is such a column."""
    in_paths = [re.findall(r"/([A-Za-z_]\w*)=[^/]*(?=/)", file.key) for file in files]
    shared = [name for name in in_paths[0] if all(name in names for names in in_paths)] if in_paths else []
    present = {name.lower() for name in frame.columns}
    values = {
        name: F.nullif(
            F.try_url_decode(F.regexp_extract(FILE, f"/{name}=([^/]*)/", 1)), F.lit("__HIVE_DEFAULT_PARTITION__")
        )
        for name in shared
        if name.lower() not in present
    }
    return frame.withColumns(values) if values else frame


def alike(where: str, source: SourceConf, names: Iterable[str], file: SourceFile) -> set[str]:
    """Column names that differ in case only.

    Raises:
        OperatorError: the mapping names one of them.
    """
    spelled: dict[str, list[str]] = {}
    for name in names:
        spelled.setdefault(name.lower(), []).append(name)
    alike = {name for group in spelled.values() if len(group) > 1 for name in group}
    mapping = " ".join([*source.columns.values(), *source.attributes.values(), *source.sensitive.values(),
                        *source.exclude.values(), source.where or ""])  # fmt: skip
    for name in sorted(alike):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", mapping, re.IGNORECASE):
            raise OperatorError(
                f"{where}: {file.shown} names a column twice: {', '.join(spelled[name.lower()])}; rename one of them"
            )
    return alike


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def one_line(error: Exception) -> str:
    """Spark's message about an invalid plan, without error codes and without the printed plan."""
    message = re.sub(r"^\s*\[[A-Z0-9_.]+\]\s*", "", str(error))
    return " ".join(re.split(r"\s*SQLSTATE|\n\n|;\s*\n", message)[0].split())
