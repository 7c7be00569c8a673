"""In every table that an older release of the code wrote: its columns become the present ones.

Every step is looked up before the first table is written. A table is replaced in one commit, columns, rows and schema
version together, so that a run that dies is run again. Shops share tables: all shops' rows are taken on.
"""

from __future__ import annotations

from jobs.maintenance.migrations import migrated
from libs.job import JobContext
from libs.spark import delta, maintenance


def run(ctx: JobContext) -> None:
    spark, warehouse = ctx.spark, ctx.run.conf.env.warehouse
    paths = {table: delta.uri(warehouse, table) for table in maintenance.existing(spark, warehouse)}
    found = {table: delta.schema_version(spark, path) for table, path in paths.items()}
    old = {table: version for table, version in found.items() if version != table.schema_version}
    frames = {
        table: delta.conform(migrated(spark.read.format("delta").load(paths[table]), table, version), table)
        for table, version in old.items()
    }
    for number, (table, frame) in enumerate(frames.items(), 1):
        delta.replace_or_create(frame, paths[table], table).replace()
        ctx.log.info("[%d/%d] %s: schema version %d -> %d", number, len(old), table.name, old[table],
                     table.schema_version)  # fmt: skip
    ctx.log.info("%d tables migrated, %d were of the present version", len(old), len(found) - len(old))
