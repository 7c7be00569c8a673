"""Every table of the warehouse. Standard library only: the catalog, Airflow and the documentation read it."""

from __future__ import annotations

from libs.tables.candidates import CANDIDATES
from libs.tables.contract import BRONZE, CONTRACT, SILVER, Kind
from libs.tables.features import FEATURES
from libs.tables.quality import QUALITY
from libs.tables.results import HOME, LIST_ROW, RESULTS
from libs.tables.silver import EVENTS, SUPPRESSED
from libs.tables.sources import FUSION, MODELS, SOURCES, Source
from libs.tables.table import Column, Scope, Table
from libs.tables.training import TRAINING
from libs.tables.views import VIEWS, View

_ALL = (*BRONZE, *SILVER, EVENTS, SUPPRESSED, *FEATURES, *TRAINING, *CANDIDATES, *RESULTS, *QUALITY)
TABLES: dict[str, Table] = {table.name: table for table in _ALL}


def released_tables() -> tuple[Table, ...]:
    """The tables whose rows belong to a release."""
    return tuple(table for table in TABLES.values() if table.in_release)


def list_tables() -> tuple[Table, ...]:
    """The release tables with ranked lists of products for users."""
    return tuple(table for table in released_tables() if "rank" in table.column_names)


def citing_tables() -> tuple[Table, ...]:
    """The release tables whose rows cite facts of results.evidence."""
    return tuple(table for table in released_tables() if table.cites_evidence)


class UnknownTableError(KeyError):
    """No table or view has the name; the message suggests similar names, with or without the layer."""

    def __init__(self, name: str) -> None:
        import difflib

        names = {full.split(".")[1]: full for full in TABLES} | {full: full for full in (*TABLES, *VIEWS)}
        similar = dict.fromkeys(names[match] for match in difflib.get_close_matches(name, names, n=3))
        suggestions = ", ".join(similar or sorted({table.layer for table in TABLES.values()}))
        super().__init__(f"unknown table {name!r}; did you mean {suggestions}? `reasonrec tables` lists all")

    def __str__(self) -> str:
        return str(self.args[0])


def table(name: str) -> Table:
    """The table with the name; raises UnknownTableError."""
    if name not in TABLES:
        raise UnknownTableError(name)
    return TABLES[name]


__all__ = [
    "CONTRACT",
    "FUSION",
    "HOME",
    "LIST_ROW",
    "MODELS",
    "SOURCES",
    "TABLES",
    "VIEWS",
    "Column",
    "Kind",
    "Scope",
    "Source",
    "Table",
    "UnknownTableError",
    "View",
    "citing_tables",
    "list_tables",
    "released_tables",
    "table",
]
