import json
from datetime import date, timedelta

import pytest

from libs.errors import OperatorError

DAY = date(2020, 2, 1)
# fused = .6 * als^.5 + .4 * popular
FUSION = {"sources": ["als", "popular"], "weights": [0.6, 0.4], "powers": [0.5, 1.0]}


def seed_model(warehouse, day=DAY):
    row = {
        "model": "fusion",
        "version": f"fusion-{day}",
        "purpose": "record",
        "train_cutoff": day,
        "parameters": "{}",
        "data_versions": {},
        "code_version": "0",
        "fitted": json.dumps({"all": FUSION, "first": FUSION}),
    }
    warehouse.seed("training.models", [row])


def candidate(product, owned=False, **sources):
    listed = [
        {"source": name, "rank": 1, "normalized_score": normalized_score, "attributions": attributions}
        for name, (normalized_score, attributions) in sorted(sources.items())
    ]
    return {"cutoff": DAY, "user_id": "u", "product_id": product, "owned": owned, "sources": listed}


def seed_known(warehouse, *products, **told):
    """Products that enough people took of late to say so."""
    row = {"cutoff": DAY, "categories": [], "buyers": 9, "buyers_recent": 9, "recent_days": 28}
    row |= {"ratings": 0, "aspects": [], "text_hash": ""}
    rows = [row | {"product_id": p, "title": p, "title_key": p} | told for p in products]
    warehouse.seed("features.product_profile", rows)


def lists(warehouse):
    return warehouse.rows("results.recommendations", "rank", "product_id")


def test_scores_are_the_weighted_sum_and_carriers_tell_what_each_history_item_moved(warehouse):
    seed_model(warehouse)
    carried = [{"product_id": "h1", "attribution_share": 0.75}, {"product_id": "h2", "attribution_share": 0.0}]
    warehouse.seed("candidates.candidate_pool", [candidate("p", als=(1.0, carried), popular=(0.5, []))])
    warehouse.run("scoring.recommendations")
    row = warehouse.read("results.recommendations").first()
    # .6 * 1^.5 + .4 * .5 = .8; without h1: .6 * (.25)^.5 = .3, a fall of .3; h2 carries nothing and is no item.
    assert row.score == pytest.approx(0.8)
    assert row.contributions == pytest.approx({"als": 0.6, "popular": 0.2})
    assert [(c.source, c.product_id, round(c.contribution, 9)) for c in row.attributions] == [("als", "h1", 0.3)]


def test_a_source_gives_no_less_than_nothing_without_an_item_that_others_pull_against(warehouse):
    seed_model(warehouse)
    carried = [{"product_id": "h1", "attribution_share": 2.5}, {"product_id": "h2", "attribution_share": 0.75}]
    warehouse.seed("candidates.candidate_pool", [candidate("p", als=(1.0, carried))])
    warehouse.run("scoring.recommendations")
    [row] = warehouse.collect("results.recommendations")
    # Without h1 als is at -1.5, which is none: a fall of .6, and not the root of a negative number.
    assert [(c.product_id, round(c.contribution, 9)) for c in row.attributions] == [("h1", 0.6), ("h2", 0.3)]


def test_equal_scores_are_ordered_by_product_and_the_list_is_cut(warehouse):
    seed_model(warehouse)
    warehouse.params["scoring.recommendations"] = {"list_size": 2}
    warehouse.seed("candidates.candidate_pool", [candidate(p, popular=(0.5, [])) for p in ("c", "a", "b")])
    seed_known(warehouse, *"abc")
    warehouse.run("scoring.recommendations")
    assert lists(warehouse) == [(1, "a"), (2, "b")]


def test_of_products_with_one_title_the_best_alone_is_listed(warehouse):
    seed_model(warehouse)
    warehouse.params["scoring.recommendations"] = {"list_size": 2}
    scores = {"red": 0.5, "blue": 0.9, "green": 0.5, "other": 0.4}
    warehouse.seed("candidates.candidate_pool", [candidate(p, popular=(s, [])) for p, s in scores.items()])
    seed_known(warehouse, "red", "blue", "green", title_key="socks")
    seed_known(warehouse, "other", title_key="hat")
    warehouse.run("scoring.recommendations")
    assert lists(warehouse) == [(1, "blue"), (2, "other")]


def test_a_product_of_which_nothing_may_be_said_is_not_recommended(make_warehouse):
    warehouse = make_warehouse(privacy={"min_people": 6}, likes_from=3.5)
    seed_model(warehouse)
    carried = [{"product_id": "h", "attribution_share": 1.0}]
    products = ("few", "many", "liked", "disliked", "carried", "unknown")
    pool = [candidate(p, popular=(0.5, [])) for p in products if p != "carried"]
    warehouse.seed("candidates.candidate_pool", [*pool, candidate("carried", als=(0.1, carried))])
    seed_known(warehouse, "many", buyers_recent=6)
    seed_known(warehouse, "few", "carried", buyers_recent=5)
    seed_known(warehouse, "liked", buyers_recent=0, ratings=6, rating_mean=3.5)
    seed_known(warehouse, "disliked", buyers_recent=0, ratings=50, rating_mean=3.4)
    warehouse.run("scoring.recommendations")
    assert sorted(product for _, product in lists(warehouse)) == ["carried", "liked", "many"]


def test_what_only_itself_or_a_variant_carries_is_not_recommended_and_other_items_are_kept_first(warehouse):
    seed_model(warehouse)
    warehouse.params["scoring.recommendations"] = {"attributions": 1}

    def by(*products):
        return [{"product_id": p, "attribution_share": s} for p, s in zip(products, (0.75, 0.5), strict=False)]

    pool = [candidate("own", owned=True, als=(1.0, by("own"))), candidate("red", als=(1.0, by("blue"))),
            candidate("lamp", owned=True, als=(0.5, by("lamp", "h")))]  # fmt: skip
    warehouse.seed("candidates.candidate_pool", pool)
    seed_known(warehouse, "own", "lamp", "h", buyers_recent=0)
    seed_known(warehouse, "red", "blue", title_key="socks", buyers_recent=0)
    warehouse.run("scoring.recommendations")
    [row] = warehouse.collect("results.recommendations")
    assert (row.product_id, [item.product_id for item in row.attributions]) == ("lamp", ["h", "lamp"])


def test_blocked_sold_out_and_owned_products_are_not_recommended(make_warehouse):
    warehouse = make_warehouse(repurchasable=False, blocklist=("blocked",))
    seed_model(warehouse)
    seed_known(warehouse, "blocked", "sold_out", "restocked", "later", "fine", "owned")
    pool = [candidate(p, popular=(0.5, [])) for p in ("blocked", "sold_out", "restocked", "later", "fine")]
    warehouse.seed("candidates.candidate_pool", [*pool, candidate("owned", owned=True, popular=(1.0, []))])

    def stock(product, day, quantity):
        return {"product_id": product, "day": day, "event_day": day, "quantity": quantity, "row_id": f"{product}{day}"}

    before, after = DAY - timedelta(days=9), DAY - timedelta(days=1)
    warehouse.seed(
        "silver.stock",
        [
            stock("sold_out", before, 5),
            stock("sold_out", after, 0),
            stock("restocked", before, 0),
            stock("restocked", after, 3),
            stock("later", DAY, 0),  # known on the day itself: not before it
        ],
    )
    warehouse.run("scoring.recommendations")
    assert [product for _, product in lists(warehouse)] == ["fine", "later", "restocked"]


def test_no_model_or_one_too_old_stops_with_one_line(warehouse):
    warehouse.seed("candidates.candidate_pool", [candidate("p", popular=(0.5, []))])
    with pytest.raises(OperatorError, match="no model of tiny may be used as of 2020-02-01: run with --train"):
        warehouse.run("scoring.recommendations")
    seed_model(warehouse, date(2019, 12, 2))
    with pytest.raises(OperatorError, match="older than max_model_age_days=28"):
        warehouse.run("scoring.recommendations", train_cutoff="2019-12-02")
