"""The flow diagram, drawn from the catalog's reads and writes; and the tables' documentation."""

from __future__ import annotations

from jobs.catalog import CATALOG, edges
from libs.tables import TABLES, VIEWS, Table


def mermaid() -> str:
    """A Mermaid flowchart: jobs as boxes by stage, an arrow where the later reads what the earlier writes."""
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
    for found in TABLES.values():
        if found.layer != layer:
            layer = found.layer
            lines += [f"## {layer}", ""]
        lines += [f"### {found.name}", "", found.about, ""]
        lines += [
            f"Keys: {', '.join(found.keys)}. Partitioned by: {', '.join(found.partitioned_by)}. "
            f"A write replaces: {found.scope}. Equality: {found.equality}. Kept: {_kept(found)}.",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        lines += [f"| {c.name} | `{c.type}` | {c.comment.replace('|', '/')} |" for c in found.columns] + [""]
    return "\n".join(lines)


def _kept(found: Table) -> str:
    return f"{found.retention_days} days" if found.retention_days else "for ever"


def _id(job: str) -> str:
    return job.replace(".", "_")
