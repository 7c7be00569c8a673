"""Exact top-K of users x items without the full score matrix.

Items are taken in blocks. Each user keeps the k best so far in ascending item order; the k-th best is a threshold,
and since an item of a later block loses every tie, only scores strictly above it can enter: after the first block
few do, and picking them costs one comparison a score instead of a selection over the whole row.

float32 vectors are multiplied in float64 and the score rounded to float32. A float32 product is not repeatable: BLAS
adds in an order that depends on where in the matrix a row or column stands, so that the same user in another batch,
or two equal products, get scores that differ in the last bit and lists that differ with them. In float64 those
differences are some 2^-29 of the float32 step that they would have to cross.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Csr = tuple[NDArray[np.int64], NDArray[np.int64]]

MISSING = -1


def top_k(
    users: Floats,
    items: Floats,
    k: int,
    seen: Csr | None = None,
    block: tuple[int, int] = (256, 1024),
) -> tuple[NDArray[np.int64], Floats]:
    """The k items of greatest inner product for each user, ties to the smaller item index.

    Args:
        users: [u, d] finite float32 or float64.
        items: [n, d] of the same type.
        k: length of the lists, at least 1; may exceed n.
        seen: (indptr [u + 1], indices) as in CSR: items indices[indptr[i]:indptr[i + 1]] are left out for user i.
        block: users and items whose scores are held at once.

    Returns:
        (indices [u, k] int64, scores [u, k] of the users' type), by descending score; where fewer than k items are
        left, indices are -1 and scores -inf. Beside the result, memory is the items in float64 and
        O(block users * (block items + k)).

    Raises:
        ValueError: shapes that do not fit, a value that is not finite, k < 1, or seen items out of range.

    >>> users = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> items = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]])
    >>> top_k(users, items, 2, seen=(np.array([0, 1, 1]), np.array([1])))[0].tolist()
    [[2, 0], [2, 0]]
    """
    _check(users, items, k, seen, block)
    n_users, n_items = users.shape[0], items.shape[0]
    indices = np.empty((n_users, k), dtype=np.int64)
    scores = np.empty((n_users, k), dtype=users.dtype)
    blocks = [items[low : low + block[1]].T.astype(np.float64) for low in range(0, n_items, block[1])]
    for start in range(0, n_users, block[0]):
        stop = min(start + block[0], n_users)
        hidden = None if seen is None else _hidden(seen, start, stop, block[1], len(blocks))
        indices[start:stop], scores[start:stop] = _best(users[start:stop], blocks, k, hidden)
    return indices, scores


def _best(
    users: Floats, blocks: list[NDArray[np.float64]], k: int, hidden: list[NDArray[np.int64]] | None
) -> tuple[NDArray[np.int64], Floats]:
    """top_k of one block of users, items coming in blocks [d, items]."""
    n_users, wide, low = len(users), users.astype(np.float64), 0
    best = np.full((n_users, k), -np.inf, dtype=users.dtype)
    index = np.full((n_users, k), MISSING, dtype=np.int64)
    for b, items in enumerate(blocks):
        scores = (wide @ items).astype(users.dtype, copy=False)
        start, low = low, low + items.shape[1]
        if hidden is not None:
            scores[hidden[2 * b], hidden[2 * b + 1]] = -np.inf
        if b == 0 and low > k:
            row, index = _cells(_keep(scores, k))
            best, index = scores[row, index].reshape(n_users, k), index.reshape(n_users, k)
            continue
        # The smallest held score: -inf while a list is not full, and then anything but a seen item passes.
        row, column = _cells(scores > best.min(axis=1, keepdims=True))
        if row.size == 0:
            continue
        count = np.bincount(row, minlength=n_users)
        place = k + np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
        pool = np.full((n_users, k + int(count.max())), -np.inf, dtype=users.dtype)
        pool_index = np.full(pool.shape, MISSING, dtype=np.int64)
        pool[:, :k], pool_index[:, :k] = best, index
        pool[row, place], pool_index[row, place] = scores[row, column], column + start
        row, column = _cells(_keep(pool, k))
        best, index = pool[row, column].reshape(n_users, k), pool_index[row, column].reshape(n_users, k)
    order = np.argsort(-best, axis=1, kind="stable")  # held in ascending item order, so ties go to the smaller
    best = np.take_along_axis(best, order, axis=1)
    index = np.take_along_axis(index, order, axis=1)
    index[best == -np.inf] = MISSING  # a seen item held only because nothing else was left
    return index, best


def _cells(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """np.nonzero of a matrix, by its much faster one-dimensional form."""
    row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column


def _keep(scores: Floats, k: int) -> NDArray[np.bool_]:
    """Mask of exactly k columns a row: the greatest, ties at the k-th going to the leftmost. Needs k <= columns."""
    width = scores.shape[1]
    kth = np.partition(scores, width - k, axis=1)[:, width - k, None]
    keep = scores >= kth
    extra = np.flatnonzero(np.count_nonzero(keep, axis=1) > k)
    if extra.size:
        above, tied = scores[extra] > kth[extra], scores[extra] == kth[extra]
        room = k - np.count_nonzero(above, axis=1)
        keep[extra] = above | (tied & (np.cumsum(tied, axis=1) <= room[:, None]))
    return np.asarray(keep)


def _hidden(seen: Csr, start: int, stop: int, width: int, n_blocks: int) -> list[NDArray[np.int64]]:
    """Rows and columns of the seen cells of each item block: [rows of block 0, columns of block 0, rows of 1, ...]."""
    indptr, indices = seen
    row = np.repeat(np.arange(stop - start), np.diff(indptr[start : stop + 1]))
    block, column = np.divmod(np.asarray(indices[indptr[start] : indptr[stop]], dtype=np.int64), width)
    order = np.argsort(block, kind="stable")
    cut = np.searchsorted(block[order], np.arange(1, n_blocks))
    parts = zip(np.split(row[order], cut), np.split(column[order], cut), strict=True)
    return [array for pair in parts for array in pair]


def _check(users: Floats, items: Floats, k: int, seen: Csr | None, block: tuple[int, int]) -> None:
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1] or users.dtype != items.dtype:
        raise ValueError(f"users {users.shape} {users.dtype} and items {items.shape} {items.dtype} do not fit")
    if users.dtype not in (np.float32, np.float64) or not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("users and items must be finite float32 or float64")
    if k < 1 or min(block) < 1:
        raise ValueError(f"k is {k} and block {block}; all must be at least 1")
    if seen is None:
        return
    indptr, indices = seen
    if (
        len(indptr) != users.shape[0] + 1
        or indptr[0] != 0
        or indptr[-1] != len(indices)
        or np.diff(indptr).min(initial=0) < 0
    ):
        raise ValueError("seen is not a CSR pair (indptr [users + 1], indices)")
    if len(indices) and not (np.min(indices) >= 0 and np.max(indices) < items.shape[0]):
        raise ValueError("seen items out of range")
