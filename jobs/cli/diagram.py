"""Documentation generated from code: the flow diagrams from the catalog, the tables from libs.tables."""

from __future__ import annotations

from jobs.catalog import CATALOG, GROUPS, edges
from libs.tables import TABLES, VIEWS, Table


def mermaid() -> str:
    """A Mermaid flowchart of all jobs, boxed by stage; an arrow goes from a table's writer to its reader."""
    lines = ["flowchart TD"]
    stages: dict[str, list[str]] = {}
    for job in CATALOG:
        stages.setdefault(job.stage, []).append(job.name)
    for stage, jobs in stages.items():
        lines.append(f"  subgraph {stage}")
        lines += [f"    {_id(job)}[{job.split('.')[1]}]" for job in jobs]
        lines.append("  end")
    lines += [f"  {_id(early)} --> {_id(late)}" for early, late in edges()]
    return "\n".join(lines) + "\n"


def groups_mermaid() -> str:
    """A Mermaid flowchart of the groups; each arrow is labelled with the layers of the tables that it carries.

    An arrow that a path of other arrows implies is left out.
    """
    names = list(GROUPS)
    written, read = (
        {group: {name for job in jobs for name in getattr(job, use)} for group, jobs in GROUPS.items()}
        for use in ("writes", "reads")
    )
    direct = {(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if written[a] & read[b]}
    paths = set(direct)
    for middle in names:
        paths |= {(a, b) for a in names for b in names if {(a, middle), (middle, b)} <= paths}
    lines = ["flowchart LR"]
    for a, b in sorted(direct, key=lambda edge: (names.index(edge[0]), names.index(edge[1]))):
        if not any({(a, middle), (middle, b)} <= paths for middle in names):
            layers = sorted({name.split(".")[0] for name in written[a] & read[b]})
            lines.append(f"  {a} -->|{', '.join(layers)}| {b}")
    return "\n".join(lines) + "\n"


def tables_markdown() -> str:
    """docs/tables.md: every table and view, each column with its comment."""
    lines = [
        "# Tables",
        "",
        "Generated from `libs/tables` by `reasonrec tables --markdown`; a test keeps it current.",
        "",
    ]
    lines += ["## Views", "", "| view | what it shows |", "|---|---|"]
    lines += [f"| `{view.name}` | {view.about} |" for view in VIEWS.values()] + [""]
    layer = ""
    for table in TABLES.values():
        if table.layer != layer:
            layer = table.layer
            lines += [f"## {layer}", ""]
        lines += [f"### {table.name}", "", table.about, ""]
        lines += [
            f"Keys: {', '.join(table.keys)}. Partitioned by: {', '.join(table.partitioned_by)}. "
            f"A write replaces: {table.scope}. Equality: {table.equality}. Kept: {_kept(table)}.",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        lines += [f"| {c.name} | `{c.type}` | {c.comment.replace('|', '/')} |" for c in table.columns] + [""]
    return "\n".join(lines)


def _kept(table: Table) -> str:
    return f"{table.retention_days} days" if table.retention_days else "for ever"


def _id(job: str) -> str:
    return job.replace(".", "_")
