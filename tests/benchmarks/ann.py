"""`make bench-ann`: the approximate index against exact top-K on 10^6 products, both searched by Spark's workers.

Products are generated from real ones: the ALS factors of Ta-Feng (32,266 customers, 23,812 products), fitted as in
training.als. A new product lies between a real one and one of its ten nearest, plus noise of a fifth of its length, so
neighbourhoods and lengths (popularity) are those of the shop, not of uniform noise. Users have the factors of real
customers. There are two forms: `als`, the factors themselves, and `two_tower`, their directions divided by the
temperature, with log popularity as bias.

For each form: the share of the exact 100 best that the index finds, and CPU seconds of the whole process tree.
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
    arguments = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} does not exist: the benchmark needs the shared data")
    env = load(ROOT / "conf", "dev", None).env
    spark = build_session(env.model_copy(update={"spark": env.spark | {"spark.driver.memory": "4g"}}), "bench-ann")
    with tempfile.TemporaryDirectory() as folder:
        spark.sparkContext.setCheckpointDir(folder)
        real_users, real_items, share = factors(spark, arguments.users)
        forms = {"als": (real_users, real_items), "two_tower": two_tower_form(real_users, real_items, share)}
        figures = [
            measure(
                spark, Path(folder), form, users, enlarged(items, arguments.products, arguments.noise), arguments.probes
            )
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
    sample = np.random.default_rng(1).choice(len(indptr) - 1, n_users, replace=False)
    place = np.concatenate([np.arange(indptr[u], indptr[u + 1]) for u in sample])
    sample_indptr = np.append(0, np.cumsum(np.diff(indptr)[sample]))
    alpha = params.alpha / TENTHS
    users = als_user_factors(items.astype(np.float64), sample_indptr, item[place], rating[place], alpha, params.reg)
    share, fitted_items = log_share(np.append(0.0, np.bincount(item, rating, n)))[1:], items.any(axis=1)
    return users.astype(np.float32), items[fitted_items], share[fitted_items]


def two_tower_form(users: np.ndarray, items: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as `TwoTower` serves them: unit vectors, products divided by a temperature of 0.3, and the bias column."""
    user, item = (x / lengths(x) for x in (users, items))
    return (
        np.concatenate([user, np.ones((len(user), 1), np.float32)], axis=1),
        np.concatenate([item / np.float32(0.3), share[:, None]], axis=1).astype(np.float32),
    )


def lengths(rows: np.ndarray) -> np.ndarray:
    """[n, 1] float32, computed in float64: the factors of a product bought once may have float32 squares of 0."""
    return np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True).astype(np.float32)


def enlarged(items: np.ndarray, n: int, noise: float) -> np.ndarray:
    """[n, d] float32 generated products (see the module); the ten nearest have the greatest cosine with the product."""
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
    """Arrow function: user numbers -> lists of product numbers and scores."""

    vectors: Broadcast[tuple[np.ndarray, np.ndarray]]
    search: Search

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        users, items = self.vectors.value
        for batch in batches:
            numbers = batch.column("id").to_numpy()
            for start in range(0, len(numbers), 256):
                block = numbers[start : start + 256]
                best, scores = self.search.top_k(users[block], items, K)
                columns = [pa.array(block), pa.array(list(best)), pa.array(list(scores.astype(np.float64)))]
                yield pa.RecordBatch.from_arrays(columns, names=["id", "items", "scores"])


def measure(
    spark: SparkSession, folder: Path, form: str, users: np.ndarray, items: np.ndarray, probes: int
) -> tuple[float, float]:
    """(recall of the exact K best, CPU of exact search over CPU of the index); the build of the index is printed."""
    vectors = spark.sparkContext.broadcast((users, items))
    index = Index(None, (folder / f"{form}.index").as_uri())  # type: ignore[arg-type]
    cost, peak, results = {}, {}, {}
    meter = TreeMeter()
    spark.sparkContext.parallelize([index], 1).foreach(lambda index: _build(index, vectors.value[1]))
    cost["build"], peak["build"] = meter.stop()
    spark.sparkContext.addFile(index.uri)
    for way, search in (("exact", ExactSearch()), ("index", IndexSearch(f"{form}.index", probes))):
        meter = TreeMeter()
        lists = spark.range(0, len(users), 1, 8).mapInArrow(
            Lists(vectors, search), "id long, items array<long>, scores array<double>"
        )
        rows = lists.orderBy("id").select(F.col("items"), F.col("scores")).toArrow()
        cost[way], peak[way] = meter.stop()
        results[way] = [np.array(rows.column(c).to_pylist()) for c in ("items", "scores")]
    hits = [np.isin(exact, approx) for exact, approx in zip(results["exact"][0], results["index"][0], strict=True)]
    user_recall = np.mean(hits, axis=1)
    print(
        f"{form:10} {len(items):,} products x {items.shape[1]}, {len(users):,} users, {probes} probes: recall@{K}"
        f" {np.mean(hits):.4f} (users: 1% lowest {np.quantile(user_recall, 0.01):.2f}, lowest {user_recall.min():.2f})"
    )
    for way, seconds in cost.items():
        size = f", file {(folder / f'{form}.index').stat().st_size / 2**20:.0f} MiB" if way == "build" else ""
        print(f"{form:10} {way:6} {seconds:8.1f} CPU seconds, peak {peak[way] / 2**30:.1f} GiB{size}", flush=True)
    per_user = (cost["exact"] - cost["index"]) / len(users)
    print(f"{form:10} the build pays off from {cost['build'] / per_user:,.0f} users on", flush=True)
    vectors.destroy()
    return float(np.mean(hits)), cost["exact"] / cost["index"]


if __name__ == "__main__":
    main()
