from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import functions as F

from libs.evaluation.lists import sample, targets
from tests.builders import event
from tests.jobs.candidates.rows import CUTOFF, history, lists, pair, with_sign

FOLD = date(2020, 1, 10)


@pytest.mark.parametrize(("source", "kind"), [("transitions", "transition"), ("bought_together", "together")])
def test_scores_sum_over_the_history_and_carriers_say_how(warehouse, source, kind):
    other = "together" if kind == "transition" else "transition"
    warehouse.seed("features.item_pairs", [
        pair("a", "x", 1.0, kind), pair("b", "x", 0.5, kind), pair("b", "y", 1.1, kind), pair("b", "w", 1.1, kind),
        pair("b", "z", 9.0, other),
    ])  # fmt: skip
    warehouse.seed("features.user_history", [history("u", ("2020-01-01", "a"), ("2020-01-02", "b")),
                                             history("v", ("2020-01-01", "nothing"))])  # fmt: skip
    found = lists(warehouse, source)
    # u: b is the last step (lends 1), a one step back (.6). x = .6 * 1 + .5 = 1.1; y = w = 1.1: ties by name.
    assert [row[:3] for row in found] == [("u", 1, "w"), ("u", 2, "x"), ("u", 3, "y")]
    assert [row[3] for row in found] == pytest.approx([1.1] * 3) and found[0][4] == 1.0
    assert found[0][5] == {"b": 1.0}
    assert found[1][5] == pytest.approx({"a": 0.6 / 1.1, "b": 0.5 / 1.1})


def test_a_product_taken_twice_lends_twice_and_lists_end_at_their_size(warehouse):
    warehouse.params["candidates.transitions"] = {"size": 1}
    warehouse.seed("features.item_pairs", [pair("a", "x", 1.0), pair("b", "y", 1.5)])
    warehouse.seed("features.user_history", [history("u", ("2020-01-01", "a"), ("2020-01-02", "a b"))])
    # a: .6 + 1 = 1.6 > b: 1.5.
    assert [(row[2], row[3]) for row in lists(warehouse, "transitions")] == [("x", pytest.approx(1.6))]


def test_what_is_disliked_carries_nothing_and_does_not_count_as_a_step(warehouse):
    warehouse.seed("features.item_pairs", [pair(a, "x", 1.0) for a in "abc"])
    row = history("u", ("2020-01-01", "a"), ("2020-01-02", "b"), ("2020-01-03", "c"))
    warehouse.seed("features.user_history", [with_sign(row, "b", -1)])
    [found] = lists(warehouse, "transitions")
    # c is the last step (1), a one before it (.6); b is none.
    assert found[3] == pytest.approx(1.6) and found[5] == pytest.approx({"a": 0.375, "c": 0.625})


def test_folds_serve_only_who_takes_something_in_their_window_and_training_days_nobody(warehouse):
    training = date(2020, 1, 27)
    users = ("comes", "stays away", "comes too late", "comes known too late")
    warehouse.seed("features.item_pairs", [pair("a", "x", 1.0, cutoff=c) for c in (FOLD, training, CUTOFF)])
    warehouse.seed("features.user_history", [history(user, ("2020-01-01", "a"), cutoff=c)
                                             for user in users for c in (FOLD, training, CUTOFF)])  # fmt: skip
    warehouse.seed("silver.events", [
        event("comes", "q", "2020-01-10"), event("new", "q", "2020-01-10"),
        event("comes too late", "q", "2020-02-07"),  # 28 days: [01-10, 02-07)
        event("comes known too late", "q", "2020-01-11") | {"day": date(2020, 2, 7)},
    ])  # fmt: skip
    warehouse.run("candidates.transitions", cutoffs=("2020-01-10", "2020-01-27", "2020-02-01"), folds=("2020-01-10",),
                  train_cutoff="2020-01-27")  # fmt: skip
    found = warehouse.rows("candidates.transitions", "cutoff", "user_id")
    assert found == sorted([(FOLD, "comes"), *[(CUTOFF, user) for user in users]])


def test_of_a_fold_only_the_sample_that_is_looked_at_is_served(make_warehouse):
    warehouse, users = make_warehouse(evaluation={"max_users": 2}), [f"u{n}" for n in range(5)]
    warehouse.seed("features.item_pairs", [pair("a", "x", 1.0, cutoff=c) for c in (FOLD, CUTOFF)])
    warehouse.seed("features.user_history", [history(user, ("2020-01-01", "a"), cutoff=c)
                                             for user in users for c in (FOLD, CUTOFF)])  # fmt: skip
    warehouse.seed("silver.events", [event(user, "q", "2020-01-10") for user in (*users, "new")])
    warehouse.run("candidates.transitions", cutoffs=("2020-01-10", "2020-02-01"), folds=("2020-01-10",))
    found = warehouse.rows("candidates.transitions", "cutoff", "user_id")
    served = {user for cutoff, user in found if cutoff == FOLD}
    taken = targets(warehouse.read("silver.events"), [FOLD], 28, warehouse.conf.shop).withColumn(
        "known", F.col("user_id") != "new"
    )
    assert served == {row["user_id"] for row in sample(taken, 2).collect()}
    assert (len(served), len(found)) == (2, 7)


def test_order_of_input_does_not_show(make_warehouse, spark, tmp_path):
    rows = [pair(a, p, 1 / 3) for a in "abc" for p in "uvwxyz"]
    users = [history(f"u{n}", ("2020-01-01", "a b"), ("2020-01-03", "c")) for n in range(3)]
    first, other = make_warehouse(), type(make_warehouse())(spark, tmp_path / "other")
    for one, pairs, histories in ((first, rows, users), (other, rows[::-1], users[::-1])):
        one.seed("features.item_pairs", pairs)
        one.seed("features.user_history", histories)
    assert lists(first, "transitions") == lists(other, "transitions")
