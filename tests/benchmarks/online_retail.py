"""`make bench-online-retail`: a whole nightly run on 541,909 rows: CPU of the process tree, peak memory, row counts."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from libs.metering.process_tree import measure
from libs.query.ask import ask

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "online_retail" / "transactions.parquet"
ROWS, CPU_MINUTES, PSS_GIB = 541_909, 40, 6
COUNTS = """
SELECT source, sum(rows_in), sum(silver), sum(quarantined), sum(duplicates), sum(excluded)
FROM quality.ingest_counts GROUP BY source ORDER BY source"""
NDCG = """
SELECT target, list, value, low, high, users, verdict FROM quality.metrics
WHERE metric = ? AND k = 10 AND kind = 'backtest' AND test_end - test_start > 28 ORDER BY target, value DESC"""


def main() -> None:
    if not DATA.exists():
        print(f"skipped: {DATA.relative_to(ROOT.parent)} is missing")
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["REASONREC_WAREHOUSE"] = scratch + "/warehouse"
        command = [
            "reasonrec",
            "run",
            "daily",
            "--shop",
            "online_retail",
            "--start",
            "2010-12-01",
            "--end",
            "2011-12-10",
        ]
        run = measure(command, memory=True)
        if run.status:
            sys.exit(run.status)
        warehouse = Path(scratch, "warehouse").as_uri()
        passed = True
        for source, rows_in, *parts in ask(warehouse, COUNTS).fetchall():
            print(
                f"{source}: {rows_in} rows in = {' + '.join(map(str, parts))} (silver, quarantined, duplicates, excluded)"
            )
            passed &= rows_in == sum(parts) and (source != "orders" or rows_in == ROWS)
        for metric in ("ndcg", "ndcg_minus_popular", "ndcg_minus_best"):
            for row in ask(warehouse, NDCG, [metric]).fetchall():
                print(metric, *row)
    cpu, pss = run.cpu_s / 60, run.peak_pss_gib or 0.0
    passed &= cpu <= CPU_MINUTES and pss <= PSS_GIB
    print(
        f"figure: online_retail cpu_minutes={cpu:.2f} peak_pss_gib={pss:.2f} wall_minutes={run.wall_s / 60:.2f} "
        f"accounting={'exact' if passed else 'see above'} ratio={cpu / CPU_MINUTES:.2f}"
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()
