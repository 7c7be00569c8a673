"""Every table of the warehouse. Standard library only: the catalog, Airflow and the documentation read it."""

from __future__ import annotations

from libs.tables.candidates import CANDIDATES
from libs.tables.contract import BRONZE, CONTRACT, SILVER, Kind
from libs.tables.features import FEATURES
from libs.tables.quality import QUALITY
from libs.tables.results import RESULTS
from libs.tables.silver import EVENTS, SUPPRESSED
from libs.tables.sources import FUSION, MODELS, SOURCES, Source
from libs.tables.table import Column, Scope, Table
from libs.tables.training import TRAINING
from libs.tables.views import VIEWS, View

_ALL = (*BRONZE, *SILVER, EVENTS, SUPPRESSED, *FEATURES, *TRAINING, *CANDIDATES, *RESULTS, *QUALITY)
TABLES: dict[str, Table] = {table.name: table for table in _ALL}


class UnknownTableError(KeyError):
    def __str__(self) -> str:
        return str(self.args[0])


def table(name: str) -> Table:
    """The table of that name; raises UnknownTableError that lists near names."""
    if name not in TABLES:
        import difflib

        near = difflib.get_close_matches(name, [*TABLES, *VIEWS], n=3) or sorted({t.layer for t in TABLES.values()})
        raise UnknownTableError(f"unknown table {name!r}; did you mean {', '.join(near)}? `reasonrec tables` lists all")
    return TABLES[name]


__all__ = [
    "CONTRACT",
    "FUSION",
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
    "table",
]
