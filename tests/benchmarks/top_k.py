"""Exact top-K of 20,000 users x 5,000 products x 64, k = 100, against plain NumPy.

OPENBLAS_NUM_THREADS=1 PYTHONPATH=. python tests/benchmarks/top_k.py
"""

import time
import tracemalloc

import numpy as np

from libs.retrieval.topk import top_k

N_USERS, N_ITEMS, D, K = 20_000, 5_000, 64, 100


def argpartition(users, items, rows):
    """Unordered top-K: scores of `rows` users at a time for all items, then np.argpartition."""
    best = np.empty((len(users), K), dtype=np.int64)
    for start in range(0, len(users), rows):
        scores = users[start : start + rows] @ items.T
        best[start : start + rows] = np.argpartition(scores, N_ITEMS - K, axis=1)[:, N_ITEMS - K :]
    return best


def main() -> None:
    rng = np.random.default_rng(0)
    users = rng.normal(size=(N_USERS, D)).astype(np.float32)
    items = (rng.normal(size=(N_ITEMS, D)) * rng.gamma(1, 1, size=(N_ITEMS, 1))).astype(np.float32)
    ways = {
        "top_k, ordered": lambda: top_k(users, items, K)[0],
        "product of 256 users + argpartition": lambda: argpartition(users, items, rows=256),
        "whole product + argpartition": lambda: argpartition(users, items, rows=N_USERS),
    }
    expected = None
    for name, way in ways.items():
        seconds = []
        for _ in range(3):
            start = time.process_time()
            best = way()
            seconds.append(time.process_time() - start)
        tracemalloc.start()
        way()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        expected = np.sort(best, axis=1) if expected is None else expected
        same = (np.sort(best, axis=1) == expected).mean()
        print(
            f"{name:36}{min(seconds):6.2f} s {N_USERS / min(seconds):8,.0f} users/s  peak {peak:5.0f} MiB  same {same:.4%}"
        )


if __name__ == "__main__":
    main()
