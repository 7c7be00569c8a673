"""A shop's report as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from jobs.cli.shop_check import ShopReport, SourceReport


def report_lines(report: ShopReport) -> Iterator[str]:
    """Each source with five of its rows, then warnings, then what is to be fixed."""
    for source in report.sources:
        yield from _source_lines(source)
    for text in report.warnings:
        yield f"warn {text}"
    for text in report.mistakes:
        yield f"FIX  {text}"
    if not report.mistakes:
        yield f"ok   {report.file}: nothing to fix"


def _source_lines(source: SourceReport) -> Iterator[str]:
    from jobs.cli.output import render

    counts = source.counts
    looked = f"the first {counts['rows']:,} rows" if source.sampled else f"{counts['rows']:,} rows"
    fates = ", ".join(f"{counts[fate]:,} {fate}" for fate in ("quarantined", "duplicates", "excluded") if counts[fate])
    nouns = ", ".join(f"{counts[noun]:,} {noun}" for noun in ("users", "products", "days") if noun in counts)
    days = f", {source.first_day} to {source.last_day}" if source.first_day else ""
    yield f"{source.name}: {source.kind}, {looked}{f' ({fates})' if fates else ''}: {nouns}{days}"
    if source.rows:
        columns = {c: pa.array([row[c] for row in source.rows], "string") for c in source.columns}
        yield from render(pa.table(columns), "table").splitlines()[:-1]
