"""`make bench-ann`: the approximate index against exact top-K on 10^6 products, both searched by Spark's workers.

Products are enlarged from real ones: ALS factors of Ta-Feng (32,266 customers, 23,812 products), fitted as training.als
fits them. A new product lies between a real one and one of its ten nearest, moved by noise of a fifth of its length: so
neighbourhoods and lengths (popularity) are the shop's, not those of uniform noise. Users are real customers' factors.
Two forms: `als`, those factors; `two_tower`, their directions over the temperature with a bias of log popularity.

For each: share of the exact 100 best that the index finds, and CPU seconds of the whole process tree for the same users.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.candidates.als import Params as Serving
from jobs.training.als import Params, fitted
from libs.conf import load
from libs.metering.process_tree import TreeMeter
from libs.models.score import als_user_factors, log_share
from libs.retrieval.als import TENTHS
from libs.retrieval.nearest import ExactSearch, Index, IndexSearch, Search, _build
from libs.retrieval.topk import top_k
from libs.spark.session import build_session

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "ta_feng" / "transactions.parquet"
K = 100
RECALL, RATIO = 0.98, 5.0  # at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=6_000)
    parser.add_argument("--noise", type=float, default=0.2, help="length of the noise beside the product's own")
    parser.add_argument("--probes", type=int, default=Serving().probes)
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is not there: the benchmark needs the shared data")
    env = load(ROOT / "conf", "dev", None).env
    spark = build_session(env.model_copy(update={"spark": env.spark | {"spark.driver.memory": "4g"}}), "bench-ann")
    with tempfile.TemporaryDirectory() as folder:
        spark.sparkContext.setCheckpointDir(folder)
        real_users, real_items, share = factors(spark, asked.users)
        forms = {"als": (real_users, real_items), "two_tower": two_tower_form(real_users, real_items, share)}
        figures = [
            measure(spark, Path(folder), form, users, enlarged(items, asked.products, asked.noise), asked.probes)
            for form, (users, items) in forms.items()
        ]
    recall, ratio = (min(figure[at] for figure in figures) for at in (0, 1))
    print(f"figure: ann_recall_at_{K}={recall:.4f} ratio={ratio:.1f}")
    if recall < RECALL or ratio < RATIO:
        sys.exit(f"bench-ann: missed: recall at least {RECALL}, exact at least {RATIO} times the index's CPU")


def factors(spark: SparkSession, n_users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factors of users [n_users, d] and products [n, d], float32, and each product's log share of the purchases [n]."""
    rows = spark.read.parquet(DATA.as_uri()).groupBy("CUSTOMER_ID", "PRODUCT_ID").count().toPandas()
    rows = rows.sort_values(["CUSTOMER_ID", "PRODUCT_ID"])
    user, item = (rows[name].astype("category").cat.codes.to_numpy() for name in ("CUSTOMER_ID", "PRODUCT_ID"))
    params, n = Params(), int(item.max()) + 1
    rating = np.minimum(rows["count"].to_numpy() * TENTHS, round(TENTHS * params.most)).astype(np.float64)
    table = pa.table({"user": user.astype(np.int32), "id": item.astype(np.int32) + 1, "rating": rating.astype("f4")})
    items = fitted(spark.createDataFrame(table.to_pandas()), params, n)
    indptr = np.searchsorted(user, np.arange(user.max() + 2))
    some = np.random.default_rng(1).choice(len(indptr) - 1, n_users, replace=False)
    place = np.concatenate([np.arange(indptr[u], indptr[u + 1]) for u in some])
    own = np.append(0, np.cumsum(np.diff(indptr)[some]))
    alpha = params.alpha / TENTHS
    users = als_user_factors(items.astype(np.float64), own, item[place], rating[place], alpha, params.reg)
    share, learned = log_share(np.append(0.0, np.bincount(item, rating, n)))[1:], items.any(axis=1)
    return users.astype(np.float32), items[learned], share[learned]


def two_tower_form(users: np.ndarray, items: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `TwoTower` serves them: unit vectors, the products' over the temperature .3, and the bias beside a user's 1."""
    user, item = (x / lengths(x) for x in (users, items))
    return (
        np.concatenate([user, np.ones((len(user), 1), np.float32)], axis=1),
        np.concatenate([item / np.float32(0.3), share[:, None]], axis=1).astype(np.float32),
    )


def lengths(rows: np.ndarray) -> np.ndarray:
    """[n, 1] float32; a factor of a product bought once may be so small that its float32 square is 0."""
    return np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True).astype(np.float32)


def enlarged(items: np.ndarray, n: int, noise: float) -> np.ndarray:
    """[n, d] float32: see above. The ten nearest are those of greatest cosine with the product."""
    rng, d = np.random.default_rng(2), items.shape[1]
    length = lengths(items)
    near = top_k(items, items / length, 11)[0][:, 1:]
    parent = rng.integers(0, len(items), n)
    other = near[parent, rng.integers(0, 10, n)]
    out = items[parent] + rng.random((n, 1), np.float32) * (items[other] - items[parent])
    out += rng.standard_normal((n, d), np.float32) * np.float32(noise / np.sqrt(d)) * length[parent]
    return out


@dataclass(frozen=True)
class Lists:
    """Arrow function: user numbers -> their lists."""

    vectors: Broadcast[tuple[np.ndarray, np.ndarray]]
    search: Search

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        users, items = self.vectors.value
        for batch in batches:
            numbers = batch.column("id").to_numpy()
            for start in range(0, len(numbers), 256):
                own = numbers[start : start + 256]
                found, scores = self.search.top_k(users[own], items, K)
                columns = [pa.array(own), pa.array(list(found)), pa.array(list(scores.astype(np.float64)))]
                yield pa.RecordBatch.from_arrays(columns, names=["id", "items", "scores"])


def measure(
    spark: SparkSession, folder: Path, form: str, users: np.ndarray, items: np.ndarray, probes: int
) -> tuple[float, float]:
    """(recall of the exact K best, CPU of exact over CPU of the index), the index's build told apart."""
    vectors = spark.sparkContext.broadcast((users, items))
    index = Index(None, (folder / f"{form}.index").as_uri())  # type: ignore[arg-type]
    cost, peak, found = {}, {}, {}
    meter = TreeMeter()
    spark.sparkContext.parallelize([index], 1).foreach(lambda one: _build(one, vectors.value[1]))
    cost["build"], peak["build"] = meter.stop()
    spark.sparkContext.addFile(index.uri)
    for way, search in (("exact", ExactSearch()), ("index", IndexSearch(f"{form}.index", probes))):
        meter = TreeMeter()
        lists = spark.range(0, len(users), 1, 8).mapInArrow(
            Lists(vectors, search), "id long, items array<long>, scores array<double>"
        )
        rows = lists.orderBy("id").select(F.col("items"), F.col("scores")).toArrow()
        cost[way], peak[way] = meter.stop()
        found[way] = [np.array(rows.column(c).to_pylist()) for c in ("items", "scores")]
    hits = [np.isin(exact, got) for exact, got in zip(found["exact"][0], found["index"][0], strict=True)]
    of_user = np.mean(hits, axis=1)
    print(
        f"{form:10} {len(items):,} products x {items.shape[1]}, {len(users):,} users, {probes} probes: recall@{K}"
        f" {np.mean(hits):.4f} (users: 1% lowest {np.quantile(of_user, 0.01):.2f}, lowest {of_user.min():.2f})"
    )
    for way, seconds in cost.items():
        size = f", file {(folder / f'{form}.index').stat().st_size / 2**20:.0f} MiB" if way == "build" else ""
        print(f"{form:10} {way:6} {seconds:8.1f} CPU seconds, peak {peak[way] / 2**30:.1f} GiB{size}", flush=True)
    per_user = (cost["exact"] - cost["index"]) / len(users)
    print(f"{form:10} the build is paid back by {cost['build'] / per_user:,.0f} users", flush=True)
    vectors.destroy()
    return float(np.mean(hits)), cost["exact"] / cost["index"]


if __name__ == "__main__":
    main()
