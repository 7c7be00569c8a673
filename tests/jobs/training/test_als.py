"""Two tastes that do not mix: rows of users who take {a, b, c} and of users who take {p, q, r}."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from libs.errors import ModelFileError, OperatorError
from libs.registry.weights import load_arrays
from libs.retrieval.als import RatingRule
from libs.retrieval.candidates import Taken
from tests.jobs.candidates.rows import CUTOFF, history, lists

FOLD = date(2020, 1, 1)
PRODUCTS = [*"abcpqr", "unsold"]


def seed(warehouse, cutoffs=(CUTOFF,), extra=()):
    users = [("u1", "a b"), ("u2", "a b c"), ("u3", "b c"), ("v1", "p q"), ("v2", "p q r"), ("v3", "q r")]
    warehouse.params["training.als"] = {"rank": 2, "iterations": 5}
    warehouse.seed("features.user_history", [
        history(user, ("2019-12-01", products), cutoff=cutoff) for user, products in users for cutoff in cutoffs
    ] + list(extra))  # fmt: skip
    warehouse.seed("training.vocabulary", [
        {"cutoff": cutoff, "product_id": product, "id": number}
        for cutoff in cutoffs for number, product in enumerate(PRODUCTS, 1)
    ])  # fmt: skip
    return warehouse


MODEL = ("purpose", "train_cutoff", "version", "weights_uri", "checksum", "fitted")


def test_a_fold_and_the_training_day_get_a_model_each_and_a_rerun_the_same_ones(warehouse):
    seed(warehouse, (FOLD, CUTOFF))
    warehouse.run("training.als", folds=("2020-01-01",))
    first = warehouse.rows("training.models", *MODEL)
    assert [row[:2] for row in first] == [("backtest", FOLD), ("record", CUTOFF)]
    assert [json.loads(row[5]) for row in first] == [{"products": 6, "vocabulary": 7}] * 2
    factors = load_arrays(first[0][3], first[0][4])[0]["items"]
    assert factors.shape == (7, 2) and not factors[6].any() and factors[:6].any(axis=1).all()
    warehouse.run("training.als", folds=("2020-01-01",))
    assert warehouse.rows("training.models", *MODEL) == first
    assert not any((warehouse.folder / "checkpoints" / "tiny").iterdir())


def test_a_user_gets_own_kind_and_the_history_carries_it(warehouse):
    seed(warehouse)
    warehouse.run("training.als")
    found = [row for row in lists(warehouse, "als") if row[0] == "u1"]
    # c is the only product of u1's kind that u1 lacks; nothing of the other kind, nothing that nobody took.
    assert {row[2] for row in found[:3]} == set("abc") and "unsold" not in {row[2] for row in found}
    for row in found[:3]:
        assert set(row[5]) == {"a", "b"} and sum(row[5].values()) == pytest.approx(1)
    assert found[0][4] == 1.0 and [row[3] for row in found] == sorted((row[3] for row in found), reverse=True)


def test_a_fold_is_scored_by_its_own_model_and_tonight_by_the_newest_of_record(warehouse):
    tonight = date(2020, 2, 5)
    only = history("u1", ("2019-12-01", "a b"), cutoff=tonight)
    seed(warehouse, (FOLD, CUTOFF), [only])
    warehouse.run("training.als", folds=("2020-01-01",))
    found = lists(warehouse, "als", end="2020-02-05", train_cutoff="2020-02-01")
    assert {row[0] for row in found} == {"u1"}
    with pytest.raises(OperatorError, match=r"training\.models has no als of 2020-01-15"):
        lists(warehouse, "als", end="2020-01-15")  # the fold's model is not one of record


def test_nothing_to_learn_from_and_damaged_weights_are_named(warehouse):
    warehouse.run("training.als")  # recorded, so that the training day is whole, with the reason instead of weights
    assert warehouse.rows("training.models", *MODEL) == [
        ("record", CUTOFF, f"als-{CUTOFF}-record", None, None, '{"left_out": "no known user took anything yet"}')
    ]
    warehouse.run("candidates.als")
    assert warehouse.collect("candidates.als") == []
    seed(warehouse)
    warehouse.run("training.als")  # the fit of the same day is used instead
    next((warehouse.folder / "models").rglob("*.safetensors")).write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"models/tiny/als/als-2020-02-01-record-\w+: checksum"):
        warehouse.run("candidates.als")


def test_ratings_are_decayed_counts_in_tenths_within_bounds():
    # User 0: item 1 at ages 0 and 14 (1 + .5 = 15 tenths), item 0 at age 1000 (at least 1 tenth); user 2: item 0 4 times.
    events = Taken(
        np.array([0, 3, 3, 7]), np.array([1, 0, 1, 0, 0, 0, 0]), np.zeros(7, int), np.array([14, 1000, 0] + [0] * 4)
    )
    indptr, items, ratings = RatingRule(half_life_days=14, most=3).ratings(events)
    assert (indptr.tolist(), items.tolist(), ratings.tolist()) == ([0, 2, 2, 3], [0, 1, 0], [1, 15, 30])
