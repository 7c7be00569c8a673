"""A planted shop: two camps of products; a user buys inside the camp of the last purchase."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from libs.models.two_tower_inputs import Catalogue, TwoTowerParams

N_ITEMS, SLOTS, N_PROFILE = 20, 4, 3
PARAMS = TwoTowerParams(dim=8, hidden=8)


def catalogue(seed: int = 0) -> Catalogue:
    """20 products: 1..10 have attribute 1, 11..20 attribute 2; equally popular."""
    rng = np.random.default_rng(seed)
    camp = np.where(np.arange(N_ITEMS + 1) <= N_ITEMS // 2, 1, 2)
    attributes = np.stack([camp, np.zeros_like(camp)], axis=1).astype(np.int32)
    attributes[0] = 0
    text = rng.normal(size=(N_ITEMS + 1, 6)).astype(np.float32)
    return Catalogue(attributes, text, np.full(N_ITEMS + 1, np.log(1 / N_ITEMS), np.float32))


def rows(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """n training rows by column; history and target of a row come from one camp."""
    rng = np.random.default_rng(seed)
    camp = rng.integers(0, 2, n)
    half = N_ITEMS // 2
    history = (1 + rng.integers(0, half, (n, SLOTS)) + half * camp[:, None]).astype(np.int32)
    padding = np.arange(SLOTS)[None, :] < rng.integers(0, SLOTS, n)[:, None]
    history[padding] = 0
    return {
        "history": history,
        "history_age": np.where(padding, 0, rng.uniform(0, 90, (n, SLOTS))).astype(np.float32),
        "profile": rng.normal(size=(n, N_PROFILE)).astype(np.float32),
        "target": (1 + rng.integers(0, half, n) + half * camp).astype(np.int32),
        "weight": np.ones(n, np.float32),
    }


def write(folder: Path, columns: dict[str, np.ndarray], sizes: list[int]) -> tuple[str, ...]:
    """One Parquet file for each size, cut off the columns in order; their URIs."""
    folder.mkdir(parents=True, exist_ok=True)
    uris, start = [], 0
    for number, size in enumerate(sizes):
        part = {name: column[start : start + size] for name, column in columns.items()}
        table = pa.table({k: pa.array(list(v) if v.ndim == 2 else v) for k, v in part.items()})
        path = folder / f"part-{number}.parquet"
        pq.write_table(table, path)
        uris.append(path.as_uri())
        start += size
    return tuple(uris)
