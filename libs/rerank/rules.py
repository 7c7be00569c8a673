"""Shop rules: why a candidate must not be recommended, or None."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

NOT_MERCHANDISE = "not_merchandise"
BLOCKLIST = "blocklist"
OUT_OF_STOCK = "out_of_stock"
OWNED = "owned"


def rejection_reasons(
    product_id: ArrayLike,
    in_stock: ArrayLike,
    merchandise: ArrayLike,
    owned: ArrayLike,
    repurchasable: ArrayLike,
    blocklist: Collection[str] = (),
) -> NDArray[np.object_]:
    """The first rule that each candidate breaks, in the order of the constants above: permanent before passing.

    Args:
        product_id: [n] strings.
        in_stock, merchandise, owned, repurchasable: [n] or one value for all; booleans that are known to be so. A
            shop without a stock source passes in_stock=True: what is not known to be missing may be shown.
        blocklist: product ids never to recommend.

    Returns:
        [n] objects: one of the constants, or None for a candidate that may be shown.

    >>> ids = ["lp", "postage", "cd", "ep"]
    >>> rejection_reasons(ids, [1, 1, 0, 1], [1, 0, 1, 1], owned=[1, 0, 1, 1], repurchasable=[0, 0, 0, 1]).tolist()
    ['owned', 'not_merchandise', 'out_of_stock', None]
    """
    ids = np.atleast_1d(np.asarray(product_id, dtype=object))
    listed = frozenset(blocklist)
    reasons = np.full(ids.shape, None, dtype=object)
    own, again = (np.asarray(flag, dtype=bool) for flag in (owned, repurchasable))
    broken = (  # last written wins, so the first in order of precedence comes last
        (OWNED, own & ~again),
        (OUT_OF_STOCK, ~np.asarray(in_stock, dtype=bool)),
        (BLOCKLIST, np.array([i in listed for i in ids], dtype=bool)),
        (NOT_MERCHANDISE, ~np.asarray(merchandise, dtype=bool)),
    )
    for reason, where in broken:
        reasons[np.broadcast_to(where, ids.shape)] = reason
    return reasons
