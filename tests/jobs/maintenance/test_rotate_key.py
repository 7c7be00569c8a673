"""ann and bob under the old key; after the rotation every table is what the new key would have made."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from libs.errors import OperatorError
from libs.privacy.keys import key_id, pseudonym
from libs.query.checksum import checksums, compare
from tests.builders import event
from tests.conftest import Warehouse
from tests.jobs.maintenance.scan import files_with

OLD, NEW = "0" * 64, "2" * 64
DAY, RELEASE = date(2020, 2, 1), "2020-02-01-01"
SHOWN = {"release_id": RELEASE, "surface": "home", "context": "default", "product_id": "lamp"}


def seed(shop: Warehouse, key: str) -> None:
    """What a night under the key would have made."""
    ann, bob = pseudonym("ann", key), pseudonym("bob", key)
    delivered = {"day": DAY, "source": "friends"}
    shop.seed("bronze.social_edges", [delivered | {"row_id": "1", "user_id": " ann", "friend_id": "bob"}])
    edge = {"day": DAY, "event_day": DAY, "row_id": "1", "key_id": key_id(key), "user_id": ann, "friend_id": bob}
    shop.seed("silver.social_edges", [edge])
    shop.seed(
        "silver.events",
        [event(ann, "lamp", "2020-01-05", row_id="e", basket_id="o1"), event(None, "mug", "2020-01-05")],
    )
    facts = [
        numbered("taste_brand", {"value": "X"}, {"dimension": "brand", "user_id": ann}, user_id=ann),
        numbered("trend", {"count": "9"}, {"product_id": "lamp"}, product_id="lamp"),
    ]
    shop.seed("results.evidence", facts)
    cited = [fact["evidence_id"] for fact in reversed(facts)]
    link = SHOWN | {"user_id": ann, "role": "reason", "contribution": 0.5}
    shop.seed("results.recommendation_evidence", [link | {"evidence_id": one} for one in cited])
    said = {"user_id": ann, "language": "en", "sentence": "s", "generator": "template", "grounded": True}
    shop.seed("results.explanations", [SHOWN | said | {"evidence_ids": cited, "schema_version": 1}])


def numbered(type: str, slots: dict[str, str], keys: dict[str, str], **about: str) -> dict[str, object]:
    """A fact with the id that the evidence job gives it: a hash of the fact and of whom it is about."""
    whom = {f"about_{column.removesuffix('_id')}": value for column, value in about.items()}
    maps = {
        name: [{"key": key, "value": of[key]} for key in sorted(of)]
        for name, of in (("source_keys", keys), ("slots", slots))
    }
    parts = json.dumps({"shop": "tiny", "type": type, **whom, **maps}, separators=(",", ":"))
    one = hashlib.sha256(parts.encode()).hexdigest()[:24]
    row = {"release_id": RELEASE, "evidence_id": one, "type": type, "slots": slots, "source_keys": keys, "support": 9}
    return row | about | {"subject": "user", "source_table": "features.user_taste", "source_version": 0}


@pytest.fixture
def two(spark: SparkSession, tmp_path: Path) -> tuple[Warehouse, Warehouse]:
    """A warehouse made with the old key, and one made with the new."""
    made = []
    for name, key in (("old", OLD), ("new", NEW)):
        shop = Warehouse(spark, tmp_path / name)
        seed(shop, key)
        made.append(shop)
    made[0].secrets = {"pseudonym_key": NEW, "old_key": OLD}
    return made[0], made[1]


def test_a_rotated_warehouse_equals_one_made_with_the_new_key(two: tuple[Warehouse, Warehouse]) -> None:
    rotated, fresh = two
    old = [pseudonym(one, OLD) for one in ("ann", "bob")]
    assert all(files_with(rotated.folder, old).values())
    rotated.run("maintenance.rotate_key")
    differ, close = compare(*[checksums(shop.spark, shop.conf.env.warehouse, "tiny") for shop in two])
    assert (differ, close) == ([], [])
    assert files_with(rotated.folder, [*old, key_id(OLD)]) == {one: [] for one in [*old, key_id(OLD)]}
    assert fresh.rows("silver.social_edges", "key_id") == [(key_id(NEW),)]


def test_a_pseudonym_that_bronze_cannot_explain_stops_the_rotation_before_it_starts(warehouse: Warehouse) -> None:
    warehouse.secrets = {"pseudonym_key": NEW, "old_key": OLD}
    bronze = {"day": DAY, "source": "orders", "row_id": "1", "user_id": "ann"}
    warehouse.seed("bronze.transactions", [bronze])
    users = [pseudonym("ann", OLD), pseudonym("ann", "3" * 64)]
    warehouse.seed("silver.events", [event(user, "lamp", "2020-01-05") for user in users])
    with pytest.raises(OperatorError, match=r"silver\.events: 1 pseudonyms are of no user"):
        warehouse.run("maintenance.rotate_key")
    assert sorted(users) == [row[0] for row in warehouse.rows("silver.events", "user_id")]


def test_one_key_twice_is_refused(warehouse: Warehouse) -> None:
    warehouse.secrets = {"pseudonym_key": OLD, "old_key": OLD}
    with pytest.raises(OperatorError, match="nothing to rotate"):
        warehouse.run("maintenance.rotate_key")
