"""An evidence id is the fact's, whoever computes it and in whatever order its maps come."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from libs.evidence.ids import with_id

COLUMNS = (
    "type string, about_user string, about_product string, source_keys map<string,string>, slots map<string,string>,"
    " review_ids array<string>"
)
FRIENDS = {
    "type": "friends",
    "about_user": "u1",
    "about_product": None,
    "source_keys": {"user_id": "u1", "product_id": "p1"},
    "slots": {"count": "6", "action": 'p"läy'},
    "review_ids": None,
}


def ids(spark: SparkSession, *facts: dict[str, Any], shop: str = "tiny") -> list[str]:
    return [row.evidence_id for row in with_id(spark.createDataFrame(facts, COLUMNS), shop).collect()]


def test_an_id_is_stable(spark: SparkSession) -> None:
    other_order = FRIENDS | {
        name: dict(reversed(FRIENDS[name].items()))  # type: ignore[union-attr]
        for name in ("source_keys", "slots")
    }
    # printf '%s' '{"shop":"tiny","type":"friends","about_user":"u1","source_keys":[{"key":"product_id","value":"p1"},
    # {"key":"user_id","value":"u1"}],"slots":[{"key":"action","value":"p\"läy"},{"key":"count","value":"6"}]}' (one
    # line) | sha256sum | cut -c-24
    assert ids(spark, FRIENDS, other_order) == ["0d18415813e3178cf06026de"] * 2


def test_an_id_tells_facts_apart(spark: SparkSession) -> None:
    others = [
        FRIENDS | {"type": "trend"},
        FRIENDS | {"about_user": None, "about_product": "u1"},
        FRIENDS | {"source_keys": {"user_id": "u1", "product_id": "p2"}},
        FRIENDS | {"slots": {"count": "7", "action": 'p"läy'}},
        FRIENDS | {"slots": {"count": "6"}},
        FRIENDS | {"review_ids": ["r1", "r2"]},
    ]
    assert len({*ids(spark, FRIENDS, *others), *ids(spark, FRIENDS, shop="tiny2")}) == 8
