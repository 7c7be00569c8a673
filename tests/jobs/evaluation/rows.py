"""Rows of the tables that the back-test, the realised figures and the audit read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from libs.tables import SOURCES


def candidate(
    cutoff: str, user: str, product: str, owned: bool = False, **normalized_score: float
) -> dict[str, object]:
    """A row of the candidate pool; `als=0.5` is a source and its normalized score."""
    listed = [
        {"source": s, "rank": 1, "normalized_score": r, "attributions": []} for s, r in sorted(normalized_score.items())
    ]
    day = date.fromisoformat(cutoff)
    return {"cutoff": day, "user_id": user, "product_id": product, "owned": owned, "sources": listed}


def history(cutoff: str, user: str, *owned: str) -> dict[str, object]:
    return {"cutoff": date.fromisoformat(cutoff), "user_id": user, "events": [], "owned": sorted(owned), "disliked": []}


def profile(cutoff: str, product: str, buyers: int = 0, **other: object) -> dict[str, object]:
    row: dict[str, object] = {
        "cutoff": date.fromisoformat(cutoff),
        "product_id": product,
        "title": product,
        "categories": [],
        "buyers": buyers,
        "buyers_recent": 0,
        "recent_days": 28,
        "ratings": 0,
        "aspects": [],
        "text_hash": "",
    }
    return row | other


def fusion_model(cutoff: str, purpose: str = "backtest", **weights: float) -> dict[str, object]:
    """Fused = sum of weight * normalized_score, the same for both targets."""
    fitted = {
        "sources": list(SOURCES),
        "weights": [weights.get(source, 0.0) for source in SOURCES],
        "powers": [1.0] * len(SOURCES),
    }
    return {
        "model": "fusion",
        "version": f"fusion-{cutoff}-{purpose}",
        "purpose": purpose,
        "train_cutoff": date.fromisoformat(cutoff),
        "parameters": "{}",
        "data_versions": {},
        "code_version": "0",
        "fitted": json.dumps({"all": fitted, "first": fitted}),
    }


def release(release_id: str, attempt: int = 1, status: str = "published") -> dict[str, object]:
    return {
        "release_id": release_id,
        "as_of": date.fromisoformat(release_id[:10]),
        "attempt": attempt,
        "status": status,
        "model_versions": {},
        "table_versions": {},
        "languages": ["en"],
        "users": 1,
        "recommendations": 1,
        "stale": False,
        "warnings": [],
        "published_at": datetime(2020, 1, 1, tzinfo=UTC),
    }


def recommendation(release_id: str, user: str, rank: int, product: str) -> dict[str, object]:
    return {
        "release_id": release_id,
        "surface": "home",
        "context": "default",
        "user_id": user,
        "rank": rank,
        "product_id": product,
        "score": 1.0 / rank,
        "contributions": {"popular": 1.0 / rank},
        "attributions": [],
        "as_of": date.fromisoformat(release_id[:10]),
        "schema_version": 1,
    }


def sentence(
    release_id: str, user: str, product: str, language: str, *cited: str, **other: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "release_id": release_id,
        "surface": "home",
        "context": "default",
        "user_id": user,
        "product_id": product,
        "language": language,
        "sentence": "Bought by many.",
        "evidence_ids": list(cited),
        "generator": "template",
        "grounded": True,
        "contribution": 0.1,
        "schema_version": 1,
    }
    return row | other


def fact(release_id: str, evidence_id: str) -> dict[str, object]:
    return {
        "release_id": release_id,
        "evidence_id": evidence_id,
        "subject": "product",
        "type": "trend",
        "slots": {},
        "support": 5,
        "source_table": "silver.events",
        "source_version": 1,
        "source_keys": {},
    }


def link(release_id: str, user: str, product: str, evidence_id: str) -> dict[str, object]:
    about = {"surface": "home", "context": "default", "role": "reason", "contribution": 0.1}
    return about | {"release_id": release_id, "user_id": user, "product_id": product, "evidence_id": evidence_id}
