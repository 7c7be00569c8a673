from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.conftest import Warehouse

DAY = date(2020, 2, 1)


def product(product_id, title, **other):
    row = {"cutoff": DAY, "product_id": product_id, "title": title, "title_key": title.lower()}
    row |= {"categories": [], "aspects": []}
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
            recommendation("u", "vase", {"repeat": 0.4, "als": 0.2}, [("repeat", "vase", 0.4), ("als", "vase", 0.2)]),
            recommendation("u", "hat", {"als": 0.2}, [("als", "vase", 0.2)]),
        ],
    )
    warehouse.run("explanation.evidence")
    warehouse.run("explanation.explanations")
    return warehouse


def facts(warehouse, product_id):
    return facts_where(warehouse, f"product_id = '{product_id}'")


def facts_where(warehouse, condition):
    links = warehouse.read("results.recommendation_evidence").where(condition)
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


def test_the_users_own_rhythm_contributes_what_the_product_gives_itself(told):
    fact = facts(told, "vase")["own_rhythm"]
    # Days 9 and 16: a gap of 7; 16 days to the first of February. A look on the 20th is no purchase.
    assert fact.slots == {"count": "2", "every_days": "7", "since_days": "16", "action": "purchase"}
    assert (fact.role, round(fact.contribution, 9)) == ("reason", 0.6)  # .4 by repetition, .2 in the eyes of als


def test_a_product_is_never_its_own_reason(told):
    assert facts(told, "vase").keys() == {"own_rhythm"}


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


def test_how_often_is_left_out_where_the_ledger_has_forgotten(warehouse):
    warehouse.seed("features.product_profile", [product("vase", "Vase"), product("mug", "Mug")])
    warehouse.seed("features.user_history", [history("u", (9, "vase"), (16, "mug"))])
    warehouse.seed(
        "features.user_ledger", [ledger("u", (9, "vase", "purchase"), (16, "mug", "purchase"), older=("vase",))]
    )
    lists = [recommendation("u", product_id, {"repeat": 0.4}) for product_id in ("vase", "mug")]
    warehouse.seed("results.recommendations", lists)
    warehouse.run("explanation.evidence")
    rows = [row for row in warehouse.collect("results.evidence") if row.type == "own_rhythm"]
    rhythms = sorted((row.slots["since_days"], row.slots.get("count")) for row in rows)
    assert rhythms == [("16", "1"), ("23", None)]  # the vase was taken before too, nobody knows how often


def test_a_taste_is_told_of_all_that_the_user_has(warehouse):
    """Of twelve products three have a brand that anybody knows, all the same."""
    catalogue = [product("vase", "Vase", brand="Umgd"), product("mug", "Mug")]
    warehouse.seed("features.product_profile", catalogue)
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


def act(step, product_id, kind="purchase", sign=1, rating=None):
    row = {"step": step, "event_day": date(2020, 1, step), "product_id": product_id, "kind": kind, "quantity": 1}
    return row | {"amount": None, "rating": rating, "sign": sign}


def acts(user, *events, disliked=()):
    owned = sorted({e["product_id"] for e in events if e["kind"] == "purchase" and e["sign"] == 1})
    return {"cutoff": DAY, "user_id": user, "events": list(events), "owned": owned, "disliked": sorted(disliked)}


@pytest.fixture(scope="module")
def acting(spark, tmp_path_factory):
    """A shop that sells, and whose users review: each of six users has one product that moved one recommendation.

    Four of its six products are by National, two are cups.
    """
    warehouse = Warehouse(spark, tmp_path_factory.mktemp("acting") / "warehouse")
    national = {"brand": "National", "categories": ["Home", "Home > Lamps"], "category": "Home > Lamps"}
    cups = {"brand": "Pia", "categories": ["Home", "Home > Cups"], "category": "Home > Cups"}
    warehouse.seed(
        "features.product_profile",
        [
            product("lamp", "Lamp", **national),
            product("lantern", "Lantern", ratings=23, rating_mean=4.96, **national),
            product("bulb", "Bulb", **national),
            product("bulb-2", "BULB", **national),
            product("c1", "c1", **cups, price=Decimal("2.00")),
            product("c2", "Cup", **cups, price=Decimal("2.00")),
        ],
    )
    histories = [
        acts("buyer", act(2, "lamp"), act(3, "lamp", "review", rating=5.0)),
        acts("reviewer", act(2, "lamp", "review", rating=5.0)),
        acts("hater", act(2, "lamp", "review", sign=-1, rating=1.0), disliked=["lamp"]),
        acts("collector", act(2, "bulb-2")),
        acts("untitled", act(2, "c1")),
    ]
    warehouse.seed("features.user_history", histories)
    warehouse.seed("features.item_pairs", [pair("transition", "lamp", "lantern", 7)])
    lists = [("buyer", "lantern", "lamp"), ("reviewer", "lantern", "lamp"), ("hater", "lantern", "lamp"),
             ("collector", "bulb", "bulb-2"), ("untitled", "c2", "c1")]  # fmt: skip
    warehouse.seed(
        "results.recommendations", [recommendation(u, p, {"als": 0.4}, [("als", a, 0.4)]) for u, p, a in lists]
    )
    tastes = [("buyer", "brand", "National"), ("buyer", "category", "Home > Lamps"), ("untitled", "brand", "Pia")]
    counted = {"cutoff": DAY, "share": 1.0, "count": 3, "total": 3}
    warehouse.seed(
        "features.user_taste", [counted | dict(zip(("user_id", "dimension", "value"), t, strict=True)) for t in tastes]
    )
    habits = {
        "cutoff": DAY,
        "recency_days": 1,
        "frequency": 1,
        "events": 3,
        "products": 3,
        "tenure_days": 1,
        "ratings": 0,
    }
    warehouse.seed("features.user_rfm", [habits | {"user_id": u} for u in ("buyer", "untitled")])
    # Three cups for 3, 4 and 5; lamps for 90.
    paid = [(1, "c1", 3), (2, "c2", 4), (3, "c1", 5), (4, "lamp", 90), (5, "lamp", 90)]
    row = ledger("untitled", *[(day, p, "purchase") for day, p, _ in paid])
    row["ledger"] = [
        line | {"amount": Decimal(price)} for line, (*_, price) in zip(row["ledger"], paid[::-1], strict=True)
    ]
    warehouse.seed("features.user_ledger", [row])
    warehouse.run("explanation.evidence")
    warehouse.run("explanation.explanations")
    return warehouse


def facts_of(warehouse, user):
    return {type: row.slots for type, row in facts_where(warehouse, f"user_id = '{user}'").items()}


def test_the_verb_is_that_of_the_users_own_act_and_pairs_need_the_shops_action(acting):
    assert facts_of(acting, "buyer")["own_history"] == {"anchor": "Lamp", "action": "purchase"}
    assert facts_of(acting, "buyer")["bought_next"] == {"anchor": "Lamp", "support": "7", "action": "purchase"}
    assert facts_of(acting, "reviewer")["own_history"] == {"anchor": "Lamp", "action": "review"}
    assert "bought_next" not in facts_of(acting, "reviewer")


def test_a_disliked_product_and_a_variant_are_no_reasons(acting):
    assert facts_of(acting, "hater").keys() == {"rating_praise"}
    assert facts_of(acting, "collector") == {}


def test_what_most_of_the_catalogue_shares_is_no_reason(acting):
    """Four of six are by National, and as many are lamps; two of six are cups by Pia."""
    assert not facts_of(acting, "buyer").keys() & {"taste_brand", "taste_category", "similar_product"}
    taste = {"value": "Pia", "count": "3", "total": "3", "action": "purchase"}
    assert facts_of(acting, "untitled")["taste_brand"] == taste


def test_an_average_is_rounded_down(acting):
    assert facts_of(acting, "buyer")["rating_praise"] == {"mean": "4.9", "count": "23"}


def test_an_item_without_a_title_is_not_named(acting):
    assert facts_of(acting, "untitled")["similar_product"] == {
        "shared": "Pia",
        "dimension": "brand",
        "action": "purchase",
    }
    said = [row.sentence for row in acting.collect("results.explanations") if row.user_id == "untitled"]
    assert said
    assert not [sentence for sentence in said if "c1" in sentence]


def test_the_usual_price_is_of_the_products_own_category(acting):
    """The median of 3, 4 and 5 paid for cups; the lamps for 90 say nothing of a cup, and two are no habit."""
    assert facts_of(acting, "untitled")["price_below_usual"] == {"price": "2.00", "usual": "4.00", "currency": "USD"}
    assert "price_below_usual" not in facts_of(acting, "buyer")
