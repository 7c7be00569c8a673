"""Approximate top-K by an inverted-file index (faiss): only a user's nearest cells are searched.

Cells are k-means clusters of the products by Euclidean distance; searched are the cells whose means have the greatest
inner product with the user (inverted file: Sivic and Zisserman, ICCV 2003). The vectors differ much in length: cells by
direction only, faiss's default for this metric, mix long and short vectors, and four times as many must be searched for
the same recall.

The products found are scored again as `top_k` does: the index only selects products; scores and the order of ties are
ours. Lists do not depend on which users share a batch. One thread: Spark runs one task per core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from libs.arrays import AnyFloats, Ints
from libs.retrieval.topk import MISSING, top_k

FORM = "ivf1"  # version of the file format and of how it is built; part of the file's name
_SPARE = 32  # products fetched beyond k: an order by float32 products may differ from ours by a few places
_SEED, _ROUNDS, _SAMPLE = 7, 10, 64  # of k-means: seed, rounds, and products per cell used for the fit
_NO_BLAS = 1 << 30  # users: never use BLAS, whose order of addition depends on the number of rows


def build_index(items: AnyFloats, path: Path) -> None:
    """Writes the index of items [n, d] as a file: 4 n (d + 2) bytes, and about as much memory again to build.

    The same items give the same bytes on the same kind of processor.

    Raises:
        ValueError: no item, or a value that is not finite.
    """
    faiss = _faiss()
    vectors = np.ascontiguousarray(items, dtype=np.float32)
    if vectors.ndim != 2 or not len(vectors) or not np.isfinite(vectors).all():
        raise ValueError(f"items {vectors.shape} must be one or more finite vectors")
    n, d = vectors.shape
    cells = min(n, round(4 * np.sqrt(n)))
    means = faiss.Kmeans(
        d, cells, niter=_ROUNDS, seed=_SEED, min_points_per_centroid=1, max_points_per_centroid=_SAMPLE
    )
    means.train(vectors)
    cell = np.ascontiguousarray(means.index.search(vectors, 1)[1][:, 0])
    nearest_means = faiss.IndexFlatIP(d)
    nearest_means.add(means.centroids)
    index = faiss.IndexIVFFlat(nearest_means, d, cells, faiss.METRIC_INNER_PRODUCT)
    index.is_trained = True
    # faiss would choose cells by the inner product too; these are the nearest by distance.
    index.add_core(n, faiss.swig_ptr(vectors), None, faiss.swig_ptr(cell))
    faiss.write_index(index, str(path))


def read_index(path: Path) -> Any:
    """The index at `path`, memory-mapped: processes on one machine share it, and pages are loaded when searched."""
    faiss = _faiss()
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)


def nearest(index: Any, users: AnyFloats, items: AnyFloats, k: int, probes: int) -> tuple[Ints, AnyFloats]:
    """`top_k` of users x items, except for products in none of the searched cells.

    Args:
        index: built from the same items (`read_index`).
        users: [u, d] finite float32 or float64.
        items: [n, d] of the same type.
        k: length of the lists, at least 1; may exceed n.
        probes: cells searched for each user, at least 1; recall and cost grow with it.

    Returns:
        (indices [u, k] int64, scores [u, k] of the users' type) as `top_k` gives them. A user whose cells hold fewer
        than k products is searched exactly. If many products tie at the end of a list, the index decides which of
        them are in it.

    Raises:
        ValueError: k or probes below 1, or an index of other items.
    """
    faiss = _faiss()
    if k < 1 or probes < 1 or (index.ntotal, index.d) != items.shape:
        raise ValueError(f"k {k}, probes {probes}, index of {(index.ntotal, index.d)} for items {items.shape}")
    if k > len(items):
        return top_k(users, items, k)
    faiss.cvar.distance_compute_blas_threshold = _NO_BLAS
    asked = np.ascontiguousarray(users, dtype=np.float32)
    cells = faiss.SearchParametersIVF(nprobe=min(probes, index.nlist))
    found = np.sort(index.search(asked, min(k + _SPARE, len(items)), params=cells)[1], axis=1)
    wide = items[np.maximum(found, 0)].astype(np.float64)
    scores = np.einsum("ud,ukd->uk", users.astype(np.float64), wide).astype(users.dtype)
    scores[found == MISSING] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # items are ascending, so ties go to the smaller
    indices, best = np.take_along_axis(found, order, axis=1), np.take_along_axis(scores, order, axis=1)
    short = (found == MISSING).any(axis=1)
    if short.any():
        indices[short], best[short] = top_k(users[short], items, k)
    return indices, best


def _faiss() -> Any:
    """faiss on one thread; imported only when an index is used, which most shops never need."""
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss
