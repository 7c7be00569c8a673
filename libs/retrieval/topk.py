"""Exact top-K of users x items without the full score matrix.

Items are taken in blocks. Each user keeps the k best so far in ascending item order; the k-th best is a threshold,
and since an item of a later block loses every tie, only scores strictly above it can enter: after the first block
few do, and finding them costs one comparison per score instead of a selection over the whole row.

float32 vectors are multiplied in float64 and the score is rounded to float32. A float32 product is not repeatable: the
order in which BLAS adds depends on the position of a row or column in the matrix, so the same user in another batch, or
two equal products, could get scores that differ in the last bit, and thus other lists. In float64 those differences are
about 2^-29 of a float32 step, too small to matter after rounding.
"""

from __future__ import annotations

import numpy as np

from libs.arrays import AnyFloats, Bools, Floats, Ints

MISSING = -1


def top_k(
    users: AnyFloats,
    items: AnyFloats,
    k: int,
    block: tuple[int, int] = (256, 1024),
) -> tuple[Ints, AnyFloats]:
    """The k items with the greatest inner product for each user; ties go to the smaller item index.

    Args:
        users: [u, d] finite float32 or float64.
        items: [n, d] of the same type.
        k: length of the lists, at least 1; may exceed n.
        block: users and items whose scores are held at once.

    Returns:
        (indices [u, k] int64, scores [u, k] of the users' type), by descending score, padded with -1 and -inf if
        there are fewer than k items. Memory besides the result: the items in float64 and
        O(block users * (block items + k)).

    Raises:
        ValueError: shapes that do not fit, a value that is not finite, or k < 1.

    >>> users = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> items = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]])
    >>> top_k(users, items, 2)[0].tolist()
    [[1, 2], [2, 0]]
    """
    _check(users, items, k, block)
    n_users, n_items = users.shape[0], items.shape[0]
    indices = np.empty((n_users, k), dtype=np.int64)
    scores = np.empty((n_users, k), dtype=users.dtype)
    blocks = [items[low : low + block[1]].T.astype(np.float64) for low in range(0, n_items, block[1])]
    for start in range(0, n_users, block[0]):
        stop = min(start + block[0], n_users)
        indices[start:stop], scores[start:stop] = _best(users[start:stop], blocks, k)
    return indices, scores


def _best(users: AnyFloats, blocks: list[Floats], k: int) -> tuple[Ints, AnyFloats]:
    """top_k of one block of users, items coming in blocks [d, items]."""
    n_users, wide, low = len(users), users.astype(np.float64), 0
    best = np.full((n_users, k), -np.inf, dtype=users.dtype)
    index = np.full((n_users, k), MISSING, dtype=np.int64)
    for b, items in enumerate(blocks):
        scores = (wide @ items).astype(users.dtype, copy=False)
        start, low = low, low + items.shape[1]
        if b == 0 and low > k:
            row, index = _cells(_keep(scores, k))
            best, index = scores[row, index].reshape(n_users, k), index.reshape(n_users, k)
            continue
        # The smallest score in the list is -inf while the list is not full, so every item passes.
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
    order = np.argsort(-best, axis=1, kind="stable")  # items are in ascending order, so ties go to the smaller
    best = np.take_along_axis(best, order, axis=1)
    index = np.take_along_axis(index, order, axis=1)
    return index, best


def _cells(mask: Bools) -> tuple[Ints, Ints]:
    """np.nonzero of a matrix, by its much faster one-dimensional form."""
    row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column


def _keep(scores: AnyFloats, k: int) -> Bools:
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


def _check(users: AnyFloats, items: AnyFloats, k: int, block: tuple[int, int]) -> None:
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1] or users.dtype != items.dtype:
        raise ValueError(f"users {users.shape} {users.dtype} and items {items.shape} {items.dtype} do not fit")
    if users.dtype not in (np.float32, np.float64) or not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("users and items must be finite float32 or float64")
    if k < 1 or min(block) < 1:
        raise ValueError(f"k is {k} and block {block}; all must be at least 1")
