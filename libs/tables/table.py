"""What a table is: DDL with a comment per column, keys, what a rerun replaces, and how equality is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What one write replaces. A rerun replaces exactly its own scope, so running twice ends in the same table.
Scope = Literal[
    "window",  # rows of the run's business days (column `day`)
    "cutoffs",  # rows of the run's cut-offs (column `cutoff`)
    "release",  # a new release_id each attempt: nothing is replaced
    "merge",  # rows with the same key
    "run",  # appended: what happened, not data
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
        equality: `exact`, or `close` (1e-5 relative) for weights, factors and scores.
        together: keys that stand for one answer: of a `merge`, rows with the same ones that it does not bring are gone.
        volatile: columns that differ between two equal runs (run ids, wall-clock times); checksums leave them out.
        retention_days: how long rows are kept at least (maintenance.compact_tables); None is for ever.
        cites_evidence: a row names facts of results.evidence, in `evidence_id` or `evidence_ids`.
        noun: what a message calls one row.
        schema_version: raised when columns change, with a step in jobs.maintenance.migrations for an older warehouse.
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
        """Whether a release shows its rows: they are audited, published, exported, erased and re-keyed with it."""
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
    found = []
    for line in filter(None, map(str.strip, text.strip().splitlines())):
        name, kind, comment = (part.strip() for part in line.split("|", 2))
        found.append(Column(name, kind.rstrip("!").strip(), comment, nullable=not kind.endswith("!")))
    return tuple(found)


# Columns that most tables begin with.
SHOP = "shop | string! | the shop"
CUTOFF = f"{SHOP}\ncutoff | date! | only what was known before this business day is in the row"


# How many days of them are worth keeping: snapshots are made again by a backfill, published lists are history.
_RETENTION: dict[Scope, int] = {"cutoffs": 35, "release": 90}


def define(name: str, about: str, text: str, keys: str, scope: Scope, **options: object) -> Table:
    """A table from its columns as text (`columns`) and its keys parted by blanks."""
    options.setdefault("retention_days", _RETENTION.get(scope))
    return Table(name, about, columns(text), tuple(keys.split()), scope, **options)  # type: ignore[arg-type]
