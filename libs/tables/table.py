"""The description of a table: columns with comments, keys, what a rerun replaces, and how two runs are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What one write replaces. A rerun replaces exactly its own scope, so running twice ends in the same table.
Scope = Literal[
    "window",  # rows of the run's business days (column `day`)
    "cutoffs",  # rows of the run's cut-offs (column `cutoff`)
    "release",  # a new release_id each attempt: nothing is replaced
    "merge",  # rows with the same key
    "run",  # rows are appended: a log
]


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    comment: str
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """One Delta table.

    Attributes:
        name: `layer.table`.
        about: what one row means.
        columns: in order.
        keys: unique together.
        scope: what one write replaces.
        partitioned_by: partition columns.
        equality: how equal runs must agree: `exact`, or `close` (1e-5 relative) for weights, factors and scores.
        together: in a `merge`, a group of rows with equal values of these keys is replaced as a whole.
        volatile: columns that differ between equal runs (run ids, wall-clock times); checksums ignore them.
        retention_days: days that rows are kept at least (maintenance.compact_tables); None: forever.
        cites_evidence: rows name facts of results.evidence, in `evidence_id` or `evidence_ids`.
        noun: the name of a row in messages.
        schema_version: raised when columns change; jobs.maintenance.migrations then needs a step for older warehouses.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    scope: Scope
    partitioned_by: tuple[str, ...] = ("shop",)
    equality: Literal["exact", "close"] = "exact"
    together: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    retention_days: int | None = None
    cites_evidence: bool = False
    noun: str = "row"
    schema_version: int = 1

    @property
    def in_release(self) -> bool:
        """Whether its rows belong to a release: they are audited, published, exported, erased and re-keyed with it."""
        return self.scope == "release"

    @property
    def layer(self) -> str:
        return self.name.split(".")[0]

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def ddl(self) -> str:
        """The schema as a Spark DDL string."""
        return ", ".join(f"`{c.name}` {c.type}{'' if c.nullable else ' NOT NULL'}" for c in self.columns)


def columns(text: str) -> tuple[Column, ...]:
    """Reads lines `name | type | comment`; a type that ends in `!` is NOT NULL."""
    result = []
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        name, kind, comment = (part.strip() for part in line.split("|", 2))
        result.append(Column(name, kind.rstrip("!").strip(), comment, nullable=not kind.endswith("!")))
    return tuple(result)


# Columns that most tables begin with.
SHOP = "shop | string! | the shop"
CUTOFF = f"{SHOP}\ncutoff | date! | only what was known before this business day is in the row"


# Default retention in days. A backfill can compute snapshots again, but published lists are history.
_RETENTION: dict[Scope, int] = {"cutoffs": 35, "release": 90}


def define(name: str, about: str, text: str, keys: str, scope: Scope, **options: object) -> Table:
    """A table from its columns as text (see `columns`) and its keys separated by spaces."""
    options.setdefault("retention_days", _RETENTION.get(scope))
    return Table(name, about, columns(text), tuple(keys.split()), scope, **options)  # type: ignore[arg-type]
