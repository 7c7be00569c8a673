"""zoe is erased from a shop of three; ann and bob, and a zoe of another shop, stay."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from libs.errors import GateError, OperatorError
from libs.privacy.keys import key_id, pseudonym
from libs.registry.weights import checkpoints_uri, model_uri, save_arrays
from libs.spark.session import with_settings
from tests.builders import event
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import order, orders_source, review, reviews_source, write_lines, write_orders
from tests.jobs.maintenance.scan import files_with

KEYS = {"pseudonym_key": "0" * 64, "suppression_key": "1" * 64}
ZOE_ID, SAID = "zoe-4711", "Planted words about a lamp that hums"
ZOE, BOB = (pseudonym(one, KEYS["pseudonym_key"]) for one in (ZOE_ID, "bob"))
NEEDLES = (ZOE_ID, ZOE, SAID)
DAY, RELEASE, NOON = date(2020, 2, 1), "2020-02-01-01", datetime(2020, 1, 5, 12, tzinfo=UTC)
BOOKED = {"day": date(2020, 1, 5), "event_day": date(2020, 1, 5)}
STATISTICS = ("spark.databricks.delta.stats.collect", "spark.databricks.delta.writeChecksumFile.enabled")


def id_file(folder: Path, *ids: str) -> str:
    path = folder / "ids.txt"
    path.write_text("\n".join(ids) + "\n")
    path.chmod(0o600)
    return str(path)


def seed_ingested(shop: Warehouse) -> None:
    delivered = {"day": BOOKED["day"], "source": "orders"}
    orders = [("z1", ZOE_ID, "o1"), ("z2", f" {ZOE_ID} ", "o2"), ("b1", "bob", "o3"), ("x1", ZOE_ID[:-1], "o4")]
    bronze = [delivered | {"row_id": r, "user_id": u, "order_id": o, "product_id": "lamp"} for r, u, o in orders]
    shop.seed("bronze.transactions", [*bronze, delivered | {"row_id": "z3", "broken": f"o5,{ZOE_ID},mug"}])
    shop.seed("bronze.risk_labels", [delivered | {"row_id": o, "order_id": o, "label": "1"} for o in ("o1", "o3")])
    shop.seed("bronze.rejected", [delivered | {"row_id": "z2", "payload": f'{{"user_id":" {ZOE_ID} "}}'}])
    quarantined = {"kind": "transactions", "reason": "quantity is not a number", "field": "quantity"}
    shop.seed("quality.quarantine", [delivered | {"row_id": "z2"} | quarantined])
    told = {"product_id": "lamp", "event_time": NOON, "known_at": NOON, "rating": 5.0, "key_id": "k"}
    reviews = [("zr", ZOE, SAID), ("br", BOB, "Good.")]
    shop.seed("silver.reviews", [BOOKED | told | {"row_id": r, "user_id": u, "body": body} for r, u, body in reviews])
    shop.seed("silver.events", [event(ZOE, "lamp", "2020-01-05", row_id="z1"), event(BOB, "lamp", "2020-01-05")])


def seed_results(shop: Warehouse) -> None:
    """bob's list has facts that cite zoe's review, that five people stand behind, and that many do."""
    product = {"cutoff": DAY, "product_id": "lamp", "title": "Lamp", "categories": [], "buyers": 0}
    product |= {"buyers_recent": 5, "recent_days": 28, "ratings": 12, "text_hash": "x"}
    aspect = {"aspect": "sound", "praising": 9, "mentioning": 10, "review_ids": ["zr", "another"]}
    shop.seed("features.product_profile", [product | {"aspects": [aspect]}])
    shop.seed(
        "features.user_history",
        [{"cutoff": DAY, "user_id": u, "events": [], "owned": [], "disliked": []} for u in (ZOE, BOB)],
    )
    shown = {"release_id": RELEASE, "surface": "home", "context": "default", "product_id": "lamp"}
    listed = {
        "rank": 1,
        "score": 0.5,
        "contributions": {"als": 0.5},
        "attributions": [],
        "as_of": DAY,
        "schema_version": 1,
    }
    shop.seed("results.recommendations", [shown | listed | {"user_id": u} for u in (ZOE, BOB)])
    fact = {"release_id": RELEASE, "subject": "product", "product_id": "lamp", "source_version": 0}
    fact |= {"source_table": "features.product_profile", "source_keys": {"product_id": "lamp"}}
    praise = {"aspect": "sound", "praising": "9", "mentioning": "10"}
    facts = [
        {"evidence_id": "cites", "type": "aspect_praise", "slots": praise, "support": 9}
        | {"source_keys": {"product_id": "lamp", "aspect": "sound"}, "review_ids": ["zr", "another"]},
        {
            "evidence_id": "few",
            "type": "trend",
            "slots": {"count": "5", "days": "28", "action": "review"},
            "support": 5,
        },
        {"evidence_id": "friends", "type": "friends", "slots": {"count": "5", "action": "review"}, "support": 5}
        | {
            "subject": "user",
            "product_id": None,
            "user_id": BOB,
            "source_keys": {"user_id": BOB, "product_id": "lamp"},
        },
        {"evidence_id": "many", "type": "rating_praise", "slots": {"mean": "4.5", "count": "12"}, "support": 12},
    ]
    shop.seed("results.evidence", [fact | own for own in facts])
    link = shown | {"user_id": BOB, "role": "information", "contribution": 0.0}
    shop.seed("results.recommendation_evidence", [link | {"evidence_id": own["evidence_id"]} for own in facts])
    said = {"language": "en", "sentence": "Old words.", "generator": "template", "grounded": True, "schema_version": 1}
    cited = {ZOE: ["many"], BOB: ["cites", "many"]}
    shop.seed("results.explanations", [shown | said | {"user_id": u, "evidence_ids": ids} for u, ids in cited.items()])


def seed_models(shop: Warehouse) -> None:
    model = {"model": "als", "purpose": "record", "parameters": "{}", "data_versions": {}, "code_version": "0"}
    for version, day in (("before-her", date(2020, 1, 5)), ("saw-her", date(2020, 1, 6))):
        uri = model_uri(shop.conf.env.warehouse, shop.shop, "als", version)
        save_arrays(uri, {"items": np.zeros((1, 2), np.float32)}, {})
        own = {"version": version, "train_cutoff": day, "weights_uri": uri, "fitted": "{}"}
        shop.seed("training.models", [model | own])
    # Of a training that was killed: MLlib's ratings of each user, a fit's state.
    ratings = Path(checkpoints_uri(str(shop.folder), shop.shop, "als-killed")) / "rdd-1" / "part-00000"
    ratings.parent.mkdir(parents=True)
    ratings.write_text(ZOE_ID)


@pytest.fixture(scope="module")
def erased(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The warehouse after the erasure; `before`: where the scan found what; `said`: the error."""
    folder = tmp_path_factory.mktemp("erase")
    dirty = [review(user_id=ZOE_ID, body=SAID)]
    sources = {
        "orders": orders_source(write_orders(folder / "orders.csv", [order(user_id=ZOE_ID[:-1])])),
        "reviews": reviews_source(write_lines(folder / "reviews.jsonl", dirty)),
    }
    shop = Warehouse(spark, folder / "warehouse", sources=sources)
    shop.secrets = KEYS
    # Tests write none; here they must be there to be found.
    with with_settings(spark, dict.fromkeys(STATISTICS, "true")):
        for seed in (seed_ingested, seed_results, seed_models):
            seed(shop)
        export = shop.folder / "exports" / shop.shop / "list.json"
        export.parent.mkdir(parents=True)
        export.write_text(ZOE_ID)
        shop.before = files_with(shop.folder, NEEDLES)
        shop.params = {"maintenance.erase_user": {"file": id_file(folder, ZOE_ID)}}
        with pytest.raises(GateError) as stopped:
            shop.run("maintenance.erase_user")
        shop.said = str(stopped.value)
    return shop


def test_no_byte_of_the_user_is_left_in_the_warehouse(erased: Warehouse) -> None:
    assert all(erased.before.values())  # the scan finds what is there
    assert any("_delta_log" in path for path in erased.before[ZOE])
    assert files_with(erased.folder, NEEDLES) == {needle: [] for needle in NEEDLES}


def test_the_rows_of_others_stay(erased: Warehouse) -> None:
    assert erased.rows("bronze.transactions", "row_id") == [("b1",), ("x1",)]
    assert erased.rows("bronze.risk_labels", "order_id") == [("o3",)]
    for name in ("silver.reviews", "silver.events", "results.recommendations", "features.user_history"):
        assert erased.rows(name, "user_id") == [(BOB,)], name


def test_a_sentence_that_cited_the_users_review_is_written_again_without_it(erased: Warehouse) -> None:
    # "cites" names zoe's review; of "few" and "friends" only four people may be left. "many" stays.
    assert erased.rows("results.evidence", "evidence_id") == [("many",)]
    assert erased.rows("results.recommendation_evidence", "evidence_id") == [("many",)]
    ((user, sentence, ids, grounded),) = erased.rows(
        "results.explanations", "user_id", "sentence", "evidence_ids", "grounded"
    )
    assert (user, ids, grounded) == (BOB, ["many"], True)
    assert "4.5" in sentence and "12" in sentence
    assert erased.read("features.product_profile").first()["aspects"][0]["review_ids"] == ["another"]  # type: ignore[index]


def test_a_model_that_saw_the_user_is_dropped_with_its_weights_and_checkpoints(erased: Warehouse) -> None:
    assert erased.rows("training.models", "version") == [("before-her",)]
    assert [path.name for path in (erased.folder / "models" / "tiny" / "als").iterdir()] == ["before-her"]
    assert not (erased.folder / "checkpoints" / "tiny").exists()


def test_a_delivery_that_still_holds_the_user_is_named_and_the_user_is_not(erased: Warehouse) -> None:
    assert "reviews.jsonl" in erased.said and "orders.csv" not in erased.said
    assert ZOE_ID not in erased.said
    hashed = pseudonym(ZOE_ID, KEYS["suppression_key"])
    listed = erased.rows("silver.suppressed_users", "shop", "user_key", "key_id")
    assert listed == [("tiny", hashed, key_id(KEYS["suppression_key"]))]


HOSTILE = ("x' OR '1'='1", '"; DROP TABLE silver.events; --', "../../outside", "%", ".*", "`$(touch /tmp/x)`")


def test_hostile_ids_change_no_row_and_a_user_of_that_id_in_another_shop_stays(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.secrets = KEYS
    ann = pseudonym("ann", KEYS["pseudonym_key"])
    warehouse.seed("silver.events", [event(u, "lamp", "2020-01-05") | {"shop": s} for u, s in
                                     ((ann, "tiny"), (ann, "other"), (BOB, "tiny"))])  # fmt: skip
    source = orders_source(write_orders(warehouse.folder.parent / "orders.csv", [order(user_id="bob")]))
    warehouse.conf = type(warehouse.conf)(
        warehouse.conf.root,
        warehouse.conf.env,
        warehouse.conf.shop.model_validate({"name": "tiny", "sources": {"orders": source}}),
        {},
    )
    warehouse.params = {"maintenance.erase_user": {"file": id_file(warehouse.folder.parent, "ann", "", *HOSTILE)}}
    with caplog.at_level("WARNING", "reasonrec"):
        warehouse.run("maintenance.erase_user")
    assert "no row of silver names the user of line 3, 4, 5, 6, 7, 8;" in caplog.text
    assert not any(one in caplog.text for one in HOSTILE if len(one) > 2)
    assert warehouse.rows("silver.events", "shop", "user_id") == sorted([("other", ann), ("tiny", BOB)])
    outside = {path.name for path in warehouse.folder.parent.iterdir()}
    assert outside == {"warehouse", "ids.txt", "orders.csv"}


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (None, 0, "no file"),
        (b"ann\n", 0o644, "chmod 600"),
        (b" \n\n", 0o600, "holds no id"),
        (b"\xef\xbb\xbf\n", 0o600, "holds no id"),  # a byte order mark, as spreadsheets write it, is no id
        (b"zo\xe9\n", 0o600, "is not UTF-8"),
    ],
)
def test_a_file_of_ids_that_cannot_be_used_is_refused_and_the_fix_named(text, mode, says, warehouse, tmp_path) -> None:
    path = tmp_path / "ids.txt"
    if text is not None:
        path.write_bytes(text)
        path.chmod(mode)
    warehouse.params = {"maintenance.erase_user": {"file": str(path)}}
    with pytest.raises(OperatorError, match=says) as refused:
        warehouse.run("maintenance.erase_user")
    assert refused.value.status == 2
