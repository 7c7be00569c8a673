from datetime import date

import pytest

from jobs.cli.pins import add_pin
from libs.errors import GateError, OperatorError
from libs.privacy.keys import pseudonym
from libs.query.ask import ask

KEY = "0" * 64


def seed_list(warehouse, release_id, users=("u1",)):
    rows = [
        {
            "release_id": release_id,
            "surface": "home",
            "context": "default",
            "user_id": user,
            "rank": 1,
            "product_id": "p1",
            "score": 0.5,
            "contributions": {"popular": 0.5},
            "attributions": [],
            "as_of": date.fromisoformat(release_id[:10]),
            "schema_version": 1,
        }
        for user in users
    ]
    warehouse.seed("results.recommendations", rows)


def publish(warehouse, release_id):
    warehouse.run("publish.release", end=release_id[:10], release_id=release_id, attempt=int(release_id[-2:]))


def current(warehouse):
    rows = ask(warehouse.conf.env.warehouse, "SELECT release_id FROM current_release").fetchall()
    return [row[0] for row in rows]


def test_an_older_day_published_later_does_not_become_current(warehouse):
    for release_id in ("2020-02-02-01", "2020-02-01-01"):
        seed_list(warehouse, release_id)
        publish(warehouse, release_id)
    assert current(warehouse) == ["2020-02-02-01"]


def test_a_release_without_lists_is_published_once_it_is_audited_and_has_the_audits_warnings(warehouse):
    with pytest.raises(OperatorError, match="has no recommendations: nothing to publish"):
        publish(warehouse, "2020-02-01-01")
    check = {"release_id": "2020-02-01-01", "run_id": "r", "as_of": date(2020, 2, 1), "severity": "warn"}
    failed = check | {"check": "users have a list", "passed": False, "message": "no known user"}
    warehouse.seed("quality.audits", [failed, check | {"check": "fresh", "passed": True, "message": "it is"}])
    publish(warehouse, "2020-02-01-01")
    [release] = warehouse.own("results.releases")
    assert (release["users"], release["recommendations"]) == (0, 0)
    assert release["warnings"] == ["users have a list: no known user"]
    assert current(warehouse) == ["2020-02-01-01"]


def test_the_newest_attempt_of_a_day_is_current_and_readers_see_only_its_rows(warehouse):
    seed_list(warehouse, "2020-02-01-01", ("u1", "u2"))
    publish(warehouse, "2020-02-01-01")
    seed_list(warehouse, "2020-02-01-02", ("u3",))
    assert current(warehouse) == ["2020-02-01-01"]  # rows of the second attempt are there, but not published
    publish(warehouse, "2020-02-01-02")
    rows = ask(warehouse.conf.env.warehouse, "SELECT user_id FROM current_recommendations").fetchall()
    assert rows == [("u3",)]


def test_a_pin_rules_until_it_is_lifted(warehouse):
    for release_id in ("2020-02-01-01", "2020-02-02-01"):
        seed_list(warehouse, release_id)
        publish(warehouse, release_id)
    add_pin(warehouse.spark, warehouse.conf.env.warehouse, "tiny", "2020-02-01-01", "odd prices")
    assert current(warehouse) == ["2020-02-01-01"]
    add_pin(warehouse.spark, warehouse.conf.env.warehouse, "tiny", None, "fixed")
    assert current(warehouse) == ["2020-02-02-01"]


def test_nothing_is_published_without_rows_or_after_a_failed_gate(warehouse):
    with pytest.raises(OperatorError, match="no recommendations"):
        publish(warehouse, "2020-02-01-01")
    seed_list(warehouse, "2020-02-01-01")
    gate = {"cutoff": date(2020, 2, 1), "gate": "results", "table": "results.explanations", "check": "grounded"}
    warehouse.seed("quality.gate_results", [gate | {"passed": False, "observed": "3 rows are not", "severity": "stop"}])
    with pytest.raises(GateError, match="grounded"):
        publish(warehouse, "2020-02-01-01")
    seed_list(warehouse, "2020-02-02-01")
    audit = {
        "run_id": "r",
        "as_of": date(2020, 2, 2),
        "check": "rows",
        "passed": False,
        "severity": "stop",
        "message": "few",
    }
    warehouse.seed("quality.audits", [audit | {"release_id": "2020-02-02-01"}])
    with pytest.raises(GateError, match=r"not published: audit of 2020-02-02-01: rows \(few\)"):
        publish(warehouse, "2020-02-02-01")
    assert current(warehouse) == []


def test_the_export_gives_the_shops_own_ids_back(warehouse):
    user = pseudonym("alice", KEY)
    seed_list(warehouse, "2020-02-01-01", (user,))
    warehouse.seed(
        "results.explanations",
        [
            {
                "release_id": "2020-02-01-01",
                "surface": "home",
                "context": "default",
                "user_id": user,
                "product_id": "p1",
                "language": language,
                "sentence": sentence,
                "evidence_ids": ["e1"],
                "generator": "template",
                "grounded": True,
                "schema_version": 1,
            }
            for language, sentence in (("en", "Because."), ("zh", "因为。"))
        ],
    )
    bronze = {"day": date(2020, 1, 1), "source": "orders", "row_id": "r", "order_id": "o", "product_id": "p1"}
    warehouse.seed(
        "bronze.transactions",
        [bronze | {"user_id": "alice"}, bronze | {"user_id": " alice"}, bronze | {"user_id": None}],
    )
    publish(warehouse, "2020-02-01-01")
    warehouse.params["publish.export"] = {"format": "json"}
    warehouse.run("publish.export")
    folder = f"{warehouse.conf.env.warehouse}/exports/tiny/2020-02-01-01"
    rows = warehouse.spark.read.json(folder).collect()
    assert [(r.shop_user_id, r.rank, r.product_id, r.sentences.en, r.sentences.zh) for r in rows] == [
        ("alice", 1, "p1", "Because.", "因为。")
    ]
