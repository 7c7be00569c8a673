from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.conftest import Warehouse

DAY = date(2020, 2, 1)


def product(product_id, title, **other):
    row = {"cutoff": DAY, "product_id": product_id, "title": title, "categories": [], "aspects": []}
    row |= {"buyers": 0, "buyers_recent": 0, "recent_days": 28, "ratings": 0, "text_hash": product_id}
    return row | other


def history(user, *events):
    listed = [
        {"step": i, "event_day": date(2020, 1, day), "product_id": p, "kind": "purchase", "quantity": 1}
        | {"amount": None, "rating": None, "sign": 1}
        for i, (day, p) in enumerate(events, 1)
    ]
    return {"cutoff": DAY, "user_id": user, "events": listed, "owned": sorted({p for _, p in events}), "disliked": []}


def ledger(user, *lines, older=()):
    """`lines`: (day of January, product, kind)."""
    listed = [
        {
            "event_time": datetime(2020, 1, day),
            "event_day": date(2020, 1, day),
            "product_id": p,
            "kind": kind,
            "lines": 1,
        }
        | {"pieces": 1, "amount": None, "rating": None, "returned": None}
        for day, p, kind in lines
    ]
    before = {"lines": len(older), "money": None, "days": [], "products": sorted(older), "disliked": []}
    return {"cutoff": DAY, "user_id": user, "ledger": listed[::-1], "earlier_totals": before, "made_from": "{}"}


def recommendation(user, product_id, contributions, attributions=()):
    return {
        "release_id": "2020-02-01-01",
        "surface": "home",
        "context": "default",
        "user_id": user,
        "rank": 1,
        "product_id": product_id,
        "score": sum(contributions.values()),
        "contributions": contributions,
        "attributions": [{"source": s, "product_id": p, "contribution": c} for s, p, c in attributions],
        "as_of": DAY,
        "schema_version": 1,
    }


def pair(kind, anchor, product_id, people):
    row = {"cutoff": DAY, "kind": kind, "anchor": anchor, "product_id": product_id, "weight": 1.0, "support": people}
    return row | {"people": people, "lift": 2.0}


@pytest.fixture(scope="module")
def told(spark, tmp_path_factory):
    """u took Lamp (on the 2nd) and Vase (on the 9th and the 16th); Bulb is recommended, and Vase again."""
    folder = tmp_path_factory.mktemp("told") / "warehouse"
    warehouse = Warehouse(spark, folder, languages=("en", "zh"), currency="GBP")
    warehouse.seed(
        "features.product_profile",
        [
            product("lamp", "Lamp"),
            product("vase", "Vase"),
            product("bulb", "Bulb", buyers_recent=12, price=Decimal("2.00"), lowest_price_30d=Decimal("3.00")),
            product("hat", "Hat", buyers_recent=4),
        ],
    )
    warehouse.seed("features.user_history", [history("u", (2, "lamp"), (9, "vase"), (16, "vase"))])
    bought = [(2, "lamp", "purchase"), (9, "vase", "purchase"), (16, "vase", "purchase"), (20, "vase", "view")]
    warehouse.seed("features.user_ledger", [ledger("u", *bought)])
    warehouse.seed("features.item_pairs", [pair("transition", "lamp", "bulb", 7), pair("together", "lamp", "bulb", 4)])
    attributions = [("transitions", "lamp", 0.2), ("als", "lamp", 0.1)]
    warehouse.seed(
        "results.recommendations",
        [
            recommendation("u", "bulb", {"transitions": 0.3, "als": 0.1, "popular": 0.05}, attributions),
            recommendation("u", "vase", {"repeat": 0.4}),
            recommendation("u", "hat", {"als": 0.2}, [("als", "vase", 0.2)]),
        ],
    )
    warehouse.run("explanation.evidence")
    warehouse.run("explanation.explanations")
    return warehouse


def facts(warehouse, product_id):
    links = warehouse.read("results.recommendation_evidence").where(f"product_id = '{product_id}'")
    rows = links.join(warehouse.read("results.evidence").drop("product_id", "user_id"), "evidence_id").collect()
    return {row.type: row for row in rows}


def test_a_pair_behind_a_carrier_is_a_reason_with_the_fall_of_the_score_without_it(told):
    fact = facts(told, "bulb")["bought_next"]
    # Taking Lamp out of the history costs .2 in transitions and .1 in als.
    assert (fact.role, round(fact.contribution, 9), fact.support) == ("reason", 0.3, 7)
    assert fact.slots == {"anchor": "Lamp", "support": "7", "action": "purchase"}
    assert (fact.subject, fact.source_table) == ("pair", "features.item_pairs")


def test_fewer_than_five_people_are_never_told_of(told):
    assert "bought_together" not in facts(told, "bulb")  # 4 people
    said = [row.sentence for row in told.read("results.explanations").where("product_id = 'hat'").collect()]
    assert said
    assert not [sentence for sentence in said if "4" in sentence or "four" in sentence]  # 4 recent buyers


def test_the_users_own_rhythm_contributes_what_the_repeat_source_gave(told):
    fact = facts(told, "vase")["own_rhythm"]
    # Days 9 and 16: a gap of 7; 16 days to the first of February. A look on the 20th is no purchase.
    assert fact.slots == {"count": "2", "every_days": "7", "since_days": "16", "action": "purchase"}
    assert (fact.role, fact.contribution) == ("reason", 0.4)


def test_a_price_that_fell_is_information(told):
    fact = facts(told, "bulb")["price_drop"]
    assert (fact.role, fact.contribution) == ("information", 0.0)
    assert fact.slots == {"price": "2.00", "before": "3.00", "currency": "GBP"}


def test_every_row_has_a_grounded_sentence_in_each_language_that_cites_stored_facts(told):
    rows = told.collect("results.explanations")
    assert sorted((row.product_id, row.language) for row in rows) == [
        (product_id, language) for product_id in ("bulb", "hat", "vase") for language in ("en", "zh")
    ]
    known = {row.evidence_id for row in told.collect("results.evidence")}
    for row in rows:
        assert row.grounded, (row.sentence, row.grounding)
        assert row.evidence_ids
        assert set(row.evidence_ids) <= known
        assert row.contribution > 0
        assert 0 < row.faithfulness <= 1


def test_an_attempt_written_again_has_the_same_ids(told):
    first = sorted(row.evidence_id for row in told.collect("results.evidence"))
    lists = told.read("results.recommendations").drop("shop")
    again = [row.asDict(recursive=True) | {"release_id": "2020-02-01-02"} for row in lists.collect()]
    told.seed("results.recommendations", again)
    told.run("explanation.evidence", release_id="2020-02-01-02")
    second = told.read("results.evidence").where("release_id = '2020-02-01-02'").collect()
    assert sorted(row.evidence_id for row in second) == first


def test_how_often_is_not_told_where_the_ledger_has_forgotten(warehouse):
    warehouse.seed("features.product_profile", [product("vase", "Vase"), product("mug", "Mug")])
    warehouse.seed("features.user_history", [history("u", (9, "vase"), (16, "mug"))])
    warehouse.seed(
        "features.user_ledger", [ledger("u", (9, "vase", "purchase"), (16, "mug", "purchase"), older=("vase",))]
    )
    lists = [recommendation("u", product_id, {"repeat": 0.4}) for product_id in ("vase", "mug")]
    warehouse.seed("results.recommendations", lists)
    warehouse.run("explanation.evidence")
    found = warehouse.rows("results.evidence", "type", "source_keys")
    assert [keys["product_id"] for type, keys in found if type == "own_rhythm"] == ["mug"]


def test_a_taste_is_told_of_all_that_the_user_has(warehouse):
    """Of twelve products three have a brand that anybody knows, all the same."""
    warehouse.seed("features.product_profile", [product("vase", "Vase", brand="Umgd")])
    warehouse.seed("features.user_history", [history("u", (9, "lamp"))])
    taste = {"cutoff": DAY, "user_id": "u", "dimension": "brand", "value": "Umgd", "share": 1.0, "count": 3, "total": 3}
    warehouse.seed("features.user_taste", [taste])
    habits = {"cutoff": DAY, "user_id": "u", "recency_days": 1, "frequency": 1, "events": 12, "products": 12}
    warehouse.seed("features.user_rfm", [habits | {"tenure_days": 1, "ratings": 0}])
    warehouse.seed("results.recommendations", [recommendation("u", "vase", {"als": 0.4})])
    warehouse.run("explanation.evidence")
    assert warehouse.rows("results.evidence", "type", "slots") == [
        ("taste_brand", {"value": "Umgd", "count": "3", "total": "12", "action": "purchase"})
    ]


def test_the_reader_is_none_of_the_people_that_a_fact_needs(make_warehouse):
    warehouse = make_warehouse(privacy={"min_people": 6})
    warehouse.seed("features.product_profile", [product(p, p, buyers_recent=6) for p in ("own", "new")])
    warehouse.seed("features.user_history", [history("u", (9, "own"))])
    warehouse.seed("results.recommendations", [recommendation("u", p, {"popular": 0.4}) for p in ("own", "new")])
    warehouse.run("explanation.evidence")
    found = warehouse.rows("results.evidence", "type", "source_keys")
    assert [keys["product_id"] for type, keys in found if type == "trend"] == ["new"]


def test_friendships_that_are_known_from_the_day_on_are_not_told(warehouse):
    friends = [f"f{n}" for n in range(6)]
    warehouse.seed("features.product_profile", [product("vase", "Vase")])
    warehouse.seed("features.user_history", [history("u", (9, "lamp")), *(history(f, (9, "vase")) for f in friends)])
    late = [{"day": DAY, "event_day": DAY, "row_id": f, "user_id": "u", "friend_id": f} for f in friends]
    warehouse.seed("silver.social_edges", late)
    warehouse.seed("results.recommendations", [recommendation("u", "vase", {"als": 0.4})])
    warehouse.run("explanation.evidence")
    assert warehouse.rows("results.evidence", "type") == []
    early = [edge | {"day": date(2020, 1, 31), "row_id": f"early-{edge['row_id']}"} for edge in late]
    warehouse.seed("silver.social_edges", early)
    warehouse.run("explanation.evidence")
    assert [slots["count"] for (slots,) in warehouse.rows("results.evidence", "slots")] == ["6"]
