"""`make bench-backtest`: every source and the final list, with intervals, on both shops.

online_retail has three windows of 28 days, music_store pooled yearly cut-offs. The last line counts the claims that
hold: for both targets, the final list is at least as good as the best single source (chosen on earlier windows), and
each learned source is better than `popular`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from libs.query.ask import ask
from libs.tables import SOURCES

ROOT = Path(__file__).resolve().parents[2]
LEARNED = [source.name for source in SOURCES.values() if source.learned]
# (shop, first day, day of the lists, measured windows)
RUNS = (
    ("music_store", "1998-01-01", "2014-06-30", 12),
    ("online_retail", "2010-12-01", "2011-12-10", 3),
)
POOLED = """
SELECT target, list, metric, value, low, high, users, verdict FROM (
  SELECT *, max(test_end - test_start) OVER () AS longest FROM quality.metrics WHERE k = 10 AND kind = 'backtest') AS m
WHERE test_end - test_start = longest AND metric IN ('ndcg', 'hit_rate', 'ndcg_minus_popular', 'ndcg_minus_best')
ORDER BY target, metric, value DESC"""


def main() -> None:
    claims = held = 0
    for shop, start, end, windows in RUNS:
        if shop == "online_retail" and not (ROOT.parent / "shared" / "data" / shop).exists():
            print(f"skipped: {shop}: its data is missing")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            conf = Path(scratch, "conf")
            shutil.copytree(ROOT / "conf", conf)
            path = conf / "shops" / f"{shop}.yaml"
            settings = yaml.safe_load(path.read_text())
            settings["evaluation"]["windows"] = windows
            for source in settings["sources"].values():
                source["path"] = str((ROOT / source["path"]).resolve())
            path.write_text(yaml.safe_dump(settings))
            os.environ["REASONREC_WAREHOUSE"] = scratch + "/warehouse"
            command = ["reasonrec", "run", "daily", "--shop", shop, "--start", start, "--end", end, "--conf", str(conf)]
            subprocess.run(command, check=True)
            for target, name, metric, value, low, high, users, verdict in ask(
                f"file://{scratch}/warehouse", POOLED
            ).fetchall():
                print(
                    f"{shop} {target} {name:20} {metric:20} {value:.4f} [{low:.4f}, {high:.4f}] {users} {verdict or ''}"
                )
                if metric == "ndcg_minus_popular" and name in LEARNED:
                    claims, held = claims + 1, held + (verdict == "better")
                if metric == "ndcg_minus_best":
                    claims, held = claims + 1, held + (verdict in ("better", "at least"))
    print(f"figure: backtest claims={claims} held={held} ratio={held / max(claims, 1):.2f}")
    sys.exit(held < claims)


if __name__ == "__main__":
    main()
