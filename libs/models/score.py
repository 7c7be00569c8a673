"""Scores and their attribution to the history in NumPy only, so that a nightly batch and a server can share the code.

Shapes: u users, l history slots, n products (row 0 is padding), d factors, m (user, product) pairs.
"""

from pathlib import Path

import numpy as np

from libs.arrays import AnyFloats, AnyInts, Float32s, Floats, Ints
from libs.models.files import Arrays, read_arrays

MODEL = "model"  # name of the description in a model folder
SERVING = "serving"  # the part that this module reads
PADDING_BIAS = -1e9  # score of the padding row

_BLOCK = 1 << 25  # elements of a temporary array


def log_share(counts: AnyFloats) -> Float32s:
    """log of each product's share of `counts` [n + 1]; 0.5 is added to every product's count so that none is -inf.

    Row 0, padding, is 0.
    """
    smoothed = np.asarray(counts, np.float64)[1:] + 0.5
    out: Float32s = np.concatenate([[0.0], np.log(smoothed / smoothed.sum())]).astype(np.float32)
    return out


def log_trend(recent: AnyFloats, trained: AnyFloats, strength: float | None = None) -> Float32s:
    """log of recent demand over demand in the training rows, shrunk towards 0 with little data; float32 [n + 1].

    A model fitted on months of data reflects the demand of those months. Its score plus log q_recent - log q_trained is
    the score under recent demand (prior shift: Saerens, Latinne, Decaestecker, Neural Computation 2002). The recent
    share is estimated with `strength` pseudo-events drawn from the trained distribution.

    Args:
        recent: [n + 1] decayed counts of the last days; use a half-life of about a quarter of the horizon.
        trained: [n + 1] sums of training weights.
        strength: pseudo-events; by default the number of products.
    """
    n = len(trained) - 1
    strength = float(n) if strength is None else strength
    base = np.exp(log_share(trained)[1:].astype(np.float64))
    counts = np.asarray(recent, np.float64)[1:]
    ratio = (counts / base + strength) / (counts.sum() + strength)
    out: Float32s = np.concatenate([[0.0], np.log(ratio)]).astype(np.float32)
    return out


def load_two_tower(folder: Path) -> Arrays:
    """The serving arrays that `TwoTower.save` wrote.

    Raises:
        ModelFileError: a file is missing, truncated or swapped.
    """
    return read_arrays(folder, MODEL, SERVING)


def two_tower_users(arrays: Arrays, history: AnyInts, history_age: AnyFloats, profile: AnyFloats) -> Float32s:
    """User vectors, float32 [u, d + 1]; their product with `arrays["item_vectors"].T` gives the scores (logits).

    Equals `TwoTower.user_vectors` to 1e-5. A user without history is scored by profile and popularity; a product id
    beyond the catalogue counts as padding. Empty slots (0) may be anywhere.

    Args:
        arrays: from `load_two_tower`.
        history: int [u, l], most recent last.
        history_age: [u, l], days.
        profile: [u, p].
    """
    tower = arrays["tower"]
    ids = np.where((history > 0) & (history < len(tower)), history, 0)
    present = ids > 0
    vectors = tower[ids]
    logits = vectors @ arrays["query"] - np.exp(arrays["log_decay"]) * history_age.astype(np.float32)
    logits = np.where(present, logits, np.float32(-1e9))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-1e9)) * present
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
    pooled = np.einsum("uld,ul->ud", vectors, weights)
    place = np.arange(1, ids.shape[1] + 1) * present
    last_id = np.take_along_axis(ids, place.argmax(axis=1)[:, None], axis=1)[:, 0]
    last = tower[last_id]  # for a history of padding only: slot 0 has id 0, whose vector is zero
    inputs = np.concatenate([pooled, last, profile.astype(np.float32)], axis=1)
    hidden = np.maximum(inputs @ arrays["hidden_map"] + arrays["hidden_bias"], 0)
    users = pooled * arrays["pool_gate"] + last * arrays["last_gate"]
    users = users + hidden @ arrays["out_map"] + arrays["out_bias"]
    if arrays["normalise"]:
        users = users / np.sqrt((users * users).sum(axis=1, keepdims=True) + 1e-12)
    out: Float32s = np.concatenate([users, np.ones((len(users), 1))], axis=1).astype(np.float32)
    return out


def _als_matrices(
    factors: Floats,
    gram: Floats,
    indptr: AnyInts,
    indices: AnyInts,
    counts: AnyFloats,
    alpha: float,
    reg: float,
    users: AnyInts,
) -> Floats:
    """A_u = Y'Y + Y'(C_u - I)Y + reg n_u I for each of `users`, [len(users), d, d]; Y'Y is `gram`."""
    out = np.empty((len(users), *gram.shape))
    for row, user in enumerate(users):
        span = slice(indptr[user], indptr[user + 1])
        history = factors[indices[span]]
        positives = np.count_nonzero(counts[span] > 0)
        out[row] = gram + (history.T * (alpha * np.abs(counts[span]))) @ history + reg * positives * np.eye(len(gram))
    return out


def _check_als(reg: float) -> None:
    if reg <= 0:
        raise ValueError("reg must be positive: otherwise the equations of a short history may have no solution")


def als_user_factors(
    item_factors: AnyFloats,
    indptr: AnyInts,
    indices: AnyInts,
    counts: AnyFloats,
    alpha: float,
    reg: float,
    gram: Floats | None = None,
) -> Floats:
    """The exact user step of implicit ALS, float64 [u, d]: x = (Y'CY + reg n_u I)^-1 Y'C p.

    Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008, eq. 4, with
    c = 1 + alpha |r| and p = [r > 0]; as in Spark MLlib the penalty grows with n_u, the user's ratings above 0
    (ALS-WR). A user without history gets zeros.

    Args:
        item_factors: [n, d], row = product.
        indptr, indices, counts: histories in CSR form: user k has products `indices[indptr[k]:indptr[k + 1]]`, each
            once, with ratings `counts` of the same span.
        alpha: confidence of one unit of rating.
        reg: `regParam` of MLlib, above 0.
        gram: Y'Y, [d, d], if already computed: it costs n d^2 for any number of users.

    Raises:
        ValueError: reg is not positive.
    """
    _check_als(reg)
    factors = np.asarray(item_factors, np.float64)
    users = len(indptr) - 1
    dim = factors.shape[1]
    gram = factors.T @ factors if gram is None else gram
    out = np.zeros((users, dim))
    nonempty = np.flatnonzero(np.diff(indptr) > 0)
    step = max(1, _BLOCK // (dim * dim))
    for block in (nonempty[start : start + step] for start in range(0, len(nonempty), step)):
        right = np.stack([_weighted_sum(factors, indptr, indices, counts, alpha, user) for user in block])
        left = _als_matrices(factors, gram, indptr, indices, counts, alpha, reg, block)
        # Without a positive rating the right side is zero, and so is the solution, whatever the matrix.
        solvable = right.any(axis=1)
        out[block[solvable]] = np.linalg.solve(left[solvable], right[solvable][:, :, None])[:, :, 0]
    return out


def _weights(counts: AnyFloats, alpha: float) -> Floats:
    """c p of each rating: 1 + alpha r if r > 0, else 0."""
    return np.where(counts > 0, 1 + alpha * np.abs(counts), 0.0).astype(np.float64)


def _weighted_sum(
    factors: Floats, indptr: AnyInts, indices: AnyInts, counts: AnyFloats, alpha: float, user: int
) -> Floats:
    span = slice(indptr[user], indptr[user + 1])
    total: Floats = _weights(counts[span], alpha) @ factors[indices[span]]
    return total


def als_shares(
    item_factors: AnyFloats,
    indptr: AnyInts,
    indices: AnyInts,
    counts: AnyFloats,
    alpha: float,
    reg: float,
    pair_users: AnyInts,
    pair_items: AnyInts,
    gram: Floats | None = None,
) -> tuple[Ints, Floats]:
    """Attributes ALS scores to the products of the user's history.

    The score y_i' A_u^-1 Y'Cp is a sum over the history: product j contributes y_i' A_u^-1 y_j c_j p_j (Hu et al. 2008,
    section 5). A share is that contribution over the score. The shares of a pair sum to 1 and may be negative; if the
    score is 0 they are all 0.

    Args: as in `als_user_factors`; pairs are `pair_users` [m] (rows of the histories), `pair_items` [m] (rows of
        `item_factors`).

    Returns:
        (offsets int64 [m + 1], shares float64 [offsets[m]]): pair k has the shares `offsets[k]:offsets[k + 1]`, in the
        order of that user's `indices`.

    Raises:
        ValueError: reg is not positive.
    """
    _check_als(reg)
    factors = np.asarray(item_factors, np.float64)
    gram = factors.T @ factors if gram is None else gram
    lengths = np.diff(indptr)[pair_users]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shares = np.zeros(offsets[-1])
    order = np.argsort(pair_users, kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(pair_users[order])) + 1):
        if not len(pairs) or not lengths[pairs[0]]:
            continue
        user = pair_users[pairs[0]]
        span = slice(indptr[user], indptr[user + 1])
        matrix = _als_matrices(factors, gram, indptr, indices, counts, alpha, reg, np.array([user]))[0]
        weights = _weights(counts[span], alpha)
        if not weights.any():
            continue
        solved = np.linalg.solve(matrix, factors[pair_items[pairs]].T).T
        parts = (solved @ factors[indices[span]].T) * weights
        scores = parts.sum(axis=1, keepdims=True)
        parts = np.divide(parts, scores, out=np.zeros_like(parts), where=scores != 0)
        for pair, row in zip(pairs, parts, strict=True):
            shares[offsets[pair] : offsets[pair + 1]] = row
    return offsets, shares
