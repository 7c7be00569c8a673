"""Why a product was recommended: the row, its sentences, and each fact with its contribution and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.query.ask import ask

_RECOMMENDATION = """
SELECT r.release_id, r.as_of, r.rank, r.score, r.contributions, r.model_version, p.title
FROM current_recommendations AS r
LEFT JOIN current_product_profiles AS p ON p.shop = r.shop AND p.product_id = r.product_id
WHERE r.shop = ? AND r.user_id = ? AND r.product_id = ?"""

_SENTENCES = """
SELECT language, sentence, generator, grounded, faithfulness, evidence_ids FROM current_explanations
WHERE shop = ? AND user_id = ? AND product_id = ? ORDER BY language"""

_FACTS = """
SELECT e.evidence_id, e.type, l.role, l.contribution, e.support, e.slots,
  e.source_table, e.source_version, e.source_keys
FROM current_recommendation_evidence AS l
JOIN evidence AS e ON e.shop = l.shop AND e.evidence_id = l.evidence_id
WHERE l.shop = ? AND l.user_id = ? AND l.product_id = ?
ORDER BY l.contribution DESC, e.evidence_id"""


@dataclass(frozen=True)
class Why:
    """Rows as column -> value; `recommendation` is None if the product is not in the user's list."""

    recommendation: dict[str, Any] | None
    sentences: list[dict[str, Any]]
    facts: list[dict[str, Any]]


def why(warehouse: str, shop: str, user_id: str, product_id: str) -> Why:
    """Looks up a row of the current release; `user_id` is the pseudonym."""

    def rows(sql: str) -> list[dict[str, Any]]:
        relation = ask(warehouse, sql, [shop, user_id, product_id])
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    recommendation = rows(_RECOMMENDATION)
    return Why(recommendation[0] if recommendation else None, rows(_SENTENCES), rows(_FACTS))
