"""Re-ranking of one final list for variety: maximal marginal relevance with an optional cap a category.

Reference: Carbonell & Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNKNOWN = -1  # category code of a product without one: like no other, and never capped


def rerank(
    scores: ArrayLike,
    categories: ArrayLike,
    vectors: ArrayLike | None,
    k: int,
    trade_off: float,
    max_per_category: int | None = None,
) -> NDArray[np.int64]:
    """Positions of the k candidates to show, in order.

    Greedy: next comes the candidate with the greatest (1 - trade_off) * relevance - trade_off * (greatest similarity
    to what is chosen), relevance being the score scaled to [0, 1] within the list, so that a trade-off means the same
    in every list. Ties go to the earlier position, hence trade_off 0 leaves a list sorted by score as it is.

    Args:
        scores: [n] finite, greater is better.
        categories: [n] integer codes, UNKNOWN for none.
        vectors: [n, d] for cosine similarity (negative counts as 0); None to call two products of one category
            similar (1) and others not (0).
        k: length of the list; min(k, n) positions come back.
        trade_off: in [0, 1]; 0 is relevance alone, 1 variety alone.
        max_per_category: candidates above it are held back and used only if the list would stay short.

    Raises:
        ValueError: lengths that differ, scores that are not finite, k < 1, cap < 1 or trade_off out of [0, 1].

    >>> rerank([3.0, 2.9, 1.0], [7, 7, 8], None, k=3, trade_off=0.5).tolist()  # the near-equal twin moves down
    [0, 2, 1]
    """
    score, code = np.asarray(scores, dtype=np.float64), np.asarray(categories)
    similarity = _similarity(code, vectors)
    n = score.size
    if code.shape != (n,) or similarity.shape != (n, n) or not np.isfinite(score).all():
        raise ValueError("scores [n] must be finite, with categories [n] and vectors [n, d]")
    if k < 1 or not 0 <= trade_off <= 1 or (max_per_category is not None and max_per_category < 1):
        raise ValueError(f"k is {k}, trade_off {trade_off}, max_per_category {max_per_category}")
    spread = np.ptp(score) if n else 0.0
    relevance = (score - score.min()) / spread if spread else np.ones(n)
    closest, free = np.zeros(n), np.ones(n, dtype=bool)
    cap = n if max_per_category is None else max_per_category
    chosen: list[int] = []
    for _ in range(min(k, n)):
        full = np.isin(
            code, [c for c in set(code[chosen].tolist()) if c != UNKNOWN and (code[chosen] == c).sum() >= cap]
        )
        open_now = free & ~full if (free & ~full).any() else free
        value = np.where(open_now, (1 - trade_off) * relevance - trade_off * closest, -np.inf)
        best = int(value.argmax())  # argmax gives the first of equals
        chosen.append(best)
        free[best] = False
        closest = np.maximum(closest, similarity[best])
    return np.array(chosen, dtype=np.int64)


def _similarity(code: NDArray[np.int64], vectors: ArrayLike | None) -> NDArray[np.float64]:
    """[n, n] in [0, 1]."""
    if vectors is None:
        return np.asarray((code[:, None] == code) & (code != UNKNOWN), dtype=np.float64)
    rows = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return np.asarray(np.clip(unit @ unit.T, 0, 1))
