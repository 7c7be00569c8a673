"""Why a product was recommended: the row, its sentences, and each fact with its contribution and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.query.ask import ask

_RECOMMENDATION = """
SELECT r.release_id, r.as_of, r.surface, r.context, r.product_id, r.rank, r.score, r.contributions, r.model_version,
  p.title
FROM current_recommendations AS r
LEFT JOIN current_product_profiles AS p ON p.shop = r.shop AND p.product_id = r.product_id
WHERE r.shop = ? AND r.user_id = ? AND r.product_id = coalesce(CAST(? AS VARCHAR), r.product_id)
ORDER BY r.rank, r.surface, r.context LIMIT 1"""

_SENTENCES = """
SELECT language, sentence, generator, grounded, faithfulness, evidence_ids FROM current_explanations
WHERE shop = ? AND surface = ? AND context = ? AND user_id = ? AND product_id = ? ORDER BY language"""

_FACTS = """
SELECT e.evidence_id, e.type, l.role, l.contribution, e.support, e.slots,
  e.source_table, e.source_version, e.source_keys, e.review_ids
FROM current_recommendation_evidence AS l
JOIN evidence AS e ON e.shop = l.shop AND e.evidence_id = l.evidence_id
WHERE l.shop = ? AND l.surface = ? AND l.context = ? AND l.user_id = ? AND l.product_id = ?
ORDER BY l.contribution DESC, e.evidence_id"""

_EVENTS = "SELECT 1 FROM silver.events WHERE shop = ? AND user_id = ? LIMIT 1"


@dataclass(frozen=True)
class Why:
    """A recommendation, its sentences and its facts, as rows of column -> value."""

    recommendation: dict[str, Any]
    sentences: list[dict[str, Any]]
    facts: list[dict[str, Any]]


def why(warehouse: str, shop: str, user_id: str, product_id: str | None = None) -> Why | None:
    """A row of the user's list in the current release, or None if it is in no list.

    Args:
        user_id: the pseudonym.
        product_id: None for the best product of the list.
    """
    rows = _rows(warehouse, _RECOMMENDATION, [shop, user_id, product_id])
    if not rows:
        return None
    row = rows[0]
    key = [shop, row["surface"], row["context"], user_id, row["product_id"]]
    return Why(row, _rows(warehouse, _SENTENCES, key), _rows(warehouse, _FACTS, key))


def is_known(warehouse: str, shop: str, user_id: str) -> bool:
    """Whether any event of the shop is of the user (a pseudonym)."""
    return bool(_rows(warehouse, _EVENTS, [shop, user_id]))


def _rows(warehouse: str, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
    answer = ask(warehouse, sql, parameters)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]
