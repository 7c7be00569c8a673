"""Approximate top-K by an inverted-file index (faiss): a user's products are looked for in the nearest cells only.

Cells are the k-means cells of the products by Euclidean distance; the cells searched are those whose means have the
greatest inner product with the user (the inverted file of Sivic and Zisserman, ICCV 2003). Vectors differ much in
length here: cells made by direction alone, as faiss makes them for this metric, mix long vectors with short ones, and
four times as many must be searched for the same recall.

What is found is scored again as `top_k` scores: the index chooses products, the numbers and the order of ties stay the
project's own. Lists do not depend on which users are asked together. One thread: Spark has a task for each core.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from libs.arrays import AnyFloats, Ints
from libs.retrieval.topk import MISSING, top_k

FORM = "ivf1"  # of the file and of what is built; another form is another file
_SPARE = 32  # found beyond k: an order by float32 products may differ from ours by a few places
_SEED, _ROUNDS, _SAMPLE = 7, 10, 64  # of k-means: rounds, and products a cell that its means are fitted on
_NO_BLAS = 1 << 30  # users; a BLAS product of fewer or more rows adds in another order


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
    """The index at `path`, mapped: processes of one machine share its memory, and pages come as they are searched."""
    faiss = _faiss()
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)


def nearest(index: Any, users: AnyFloats, items: AnyFloats, k: int, probes: int) -> tuple[Ints, AnyFloats]:
    """`top_k` of users x items, but for products that lie in none of the cells searched.

    Args:
        index: of the same items (`read_index`).
        users: [u, d] finite float32 or float64.
        items: [n, d] of the same type.
        k: length of the lists, at least 1; may exceed n.
        probes: cells searched for each user, at least 1; recall and cost grow with it.

    Returns:
        (indices [u, k] int64, scores [u, k] of the users' type) as `top_k` gives them. A user in whose cells there are
        fewer than k products is searched exactly. Where more than a few products tie at the end of a list, which
        of them are in it is the index's choice.

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
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # in ascending item order before: ties to the smaller
    indices, best = np.take_along_axis(found, order, axis=1), np.take_along_axis(scores, order, axis=1)
    short = (found == MISSING).any(axis=1)
    if short.any():
        indices[short], best[short] = top_k(users[short], items, k)
    return indices, best


def _faiss() -> Any:
    """faiss on one thread; imported where an index is used, which most shops never do."""
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss
