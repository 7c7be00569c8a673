from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.products import pair_counts
from libs.retrieval.candidates import best_items, greatest_shares
from libs.retrieval.pairs import (
    UNIT,
    Counts,
    Matrix,
    age_points,
    basket_pairs,
    gap_points,
    joined,
    linear_list,
    matrix,
    order_of,
    step_pairs,
    summed,
)

FRESH = 10_000
NAMES = pa.array(["a", "b", "c", "d"])
NONE = Counts(*[np.zeros(0, np.int64)] * 5)


def as_dict(counts):
    return {
        (int(a), int(i)): (int(w), int(s), int(p))
        for a, i, w, s, p in zip(counts.anchor, counts.item, counts.weight, counts.support, counts.people, strict=True)
    }


def test_steps_weigh_by_gap_and_less_against_the_direction():
    # Steps: {1}, {2}, {3}. decay .7, reverse .3, in units of 10^10:
    # 1->2 and 2->3 gap 1: 1.0; 1->3 gap 2: .7; backwards .3, .3 and .21.
    weights, forward = gap_points(3, 0.7, 0.3, 20)
    over, inside = step_pairs(np.array([1, 2, 3]), np.array([0, 1, 2]), np.full(3, FRESH), weights, forward)
    found = {pair: (w / UNIT, s) for pair, (w, s, _) in as_dict(over).items()}
    assert found == {
        (1, 2): (1.0, 1), (2, 3): (1.0, 1), (1, 3): (0.7, 1), (2, 1): (0.3, 0), (3, 2): (0.3, 0), (3, 1): (0.21, 0),
    }  # fmt: skip
    assert not len(inside.item)


def test_products_of_one_step_have_no_direction_and_a_product_is_no_pair_with_itself():
    # Steps: {1, 2}, {1}. Over steps only 2->1 (gap 1) and its reverse; 1->1 is none. Inside: 1 and 2, both ways.
    weights, forward = gap_points(2, 0.7, 0.3, 20)
    over, inside = step_pairs(np.array([1, 2, 1]), np.array([0, 0, 1]), np.full(3, FRESH), weights, forward)
    assert as_dict(over) == {(2, 1): (UNIT, 1, 1), (1, 2): (3 * UNIT // 10, 0, 0)}
    assert as_dict(inside) == {(1, 2): (0, 0, 1), (2, 1): (0, 0, 1)}


def test_steps_too_far_apart_are_no_pair():
    weights, forward = gap_points(4, 1.0, 1.0, 2)
    over, _ = step_pairs(np.array([1, 2, 3, 4]), np.arange(4), np.full(4, FRESH), weights, forward)
    assert (1, 4) not in as_dict(over) and (1, 3) in as_dict(over)


def test_a_pair_weighs_what_the_age_of_its_product_allows():
    # 1 (28 days old) -> 2 (14 days old), half-life 14: forward .5; reverse .3 * .25.
    weights, forward = gap_points(2, 0.7, 0.3, 20)
    over, _ = step_pairs(np.array([1, 2]), np.array([0, 1]), age_points(np.array([28, 14]), 14), weights, forward)
    assert {k: v[0] / UNIT for k, v in as_dict(over).items()} == {(1, 2): 0.5, (2, 1): 0.075}


def test_baskets_count_pairs_both_ways():
    # Baskets {0, 2} of age weight 1 and {0, 1, 2} of weight .5.
    counts = basket_pairs(np.array([0, 2, 5]), np.array([0, 2, 0, 1, 2]), np.array([10_000, 5_000]), 3)
    half, both = UNIT // 2, UNIT + UNIT // 2
    expected = {(0, 2): (both, 2, 0), (0, 1): (half, 1, 0), (1, 2): (half, 1, 0)}
    assert as_dict(counts) == expected | {(b, a): v for (a, b), v in expected.items()}


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), min_size=1, max_size=6), st.randoms())
def test_sums_do_not_depend_on_how_baskets_are_parted(found, random):
    def count(part):
        indptr = np.concatenate([[0], np.cumsum([len(b) for b in part])])
        return basket_pairs(indptr, np.concatenate([np.array(b) for b in part]), np.full(len(part), 3), 6)

    whole = summed(count(found))
    shuffled = random.sample(found, len(found))
    assert as_dict(summed(joined([count([basket]) for basket in shuffled]))) == as_dict(whole)
    # Each basket of m products makes m (m - 1) pairs.
    assert whole.support.sum() == sum(len(b) * (len(b) - 1) for b in found)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(0, 2**62) | st.integers(0, 70_000)))
def test_an_order_by_digits_is_the_stable_order(numbers):
    found = np.array(numbers, np.int64)
    assert order_of(found).tolist() == np.argsort(found, kind="stable").tolist()


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.tuples(st.sampled_from(["steps", "inside", "baskets"]), *[st.integers(0, 5)] * 4), max_size=30),
    st.integers(1, 6),
)
def test_pairs_that_travelled_as_bytes_are_the_same_and_no_anchor_lies_on_two_shelves(rows, width):
    # A user stands behind a pair over steps or does not, and behind one in one step in any case; baskets know no users.
    def of(form, anchor, item, weight, support):
        values = {"steps": (weight, support % 2, support % 2), "inside": (0, 0, 1), "baskets": (weight, support, 0)}
        return Counts(*(np.array([value], np.int64) for value in (anchor, item, *values[form])))

    day = date(2020, 2, 1)
    batches = pair_counts._parts({(f, day): [of(*row) for row in rows if row[0] == f] for f, *_ in rows}, width)
    shelves: dict[int, list[Counts]] = {}
    for row in (row for batch in batches for row in batch.to_pylist()):
        pairs = pair_counts._unpacked(row["form"], [(row["runs"], row["pairs"])])
        assert set((pairs.anchor // width).tolist()) == {row["shelf"]}
        shelves.setdefault(row["shelf"], []).append(pairs)
    found = [joined(parts) for parts in shelves.values()]
    whole = summed(joined([NONE, *(of(*row) for row in rows)]))
    assert as_dict(summed(joined([NONE, *found]))) == as_dict(whole)
    anchors = [anchor for one in found for anchor in set(one.anchor.tolist())]
    assert len(anchors) == len(set(anchors))


def test_a_linear_list_names_what_carries_it():
    # History 0 (lends 1.0) and 1 (lends .5); weights 0->2: .2, 0->3: .4, 1->2: 1.0.
    # score(2) = .2 + .5 = .7 of which 1 carries .5/.7; score(3) = .4, all by 0.
    matrix = Matrix(NAMES, np.array([0, 2, 3, 3, 3]), np.array([2, 3, 2]), np.array([0.2, 0.4, 1.0]))
    found = linear_list(np.array([0, 1]), np.array([1.0, 0.5]), matrix, 10)
    assert found.items.tolist() == [2, 3]
    assert found.scores.tolist() == pytest.approx([0.7, 0.4])
    assert found.attributions.tolist() == [[1, 0, -1], [0, -1, -1]]
    assert found.attribution_shares.ravel().tolist() == pytest.approx([5 / 7, 2 / 7, 0, 1, 0, 0])


@settings(deadline=None)  # a busy machine is no failure
@given(st.data())
def test_shares_of_a_short_history_add_up_to_one_and_equal_what_its_removal_takes(data):
    n = 6
    history = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=3))))
    dense = np.array(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=n, max_size=n)))
    indptr = np.concatenate([[0], np.cumsum((dense > 0).sum(axis=1))])
    matrix = Matrix(NAMES, indptr, np.nonzero(dense)[1], dense[dense > 0].astype(float))
    lent = np.array(
        data.draw(st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=len(history), max_size=len(history)))
    )
    found = linear_list(history, lent, matrix, n)
    scores = lent @ dense[history]
    assert found.items.tolist() == best_items(scores, n).tolist()
    for item, score, attributions, shares in zip(
        found.items, found.scores, found.attributions, found.attribution_shares, strict=True
    ):
        assert shares.sum() == pytest.approx(1)
        for carrier, share in zip(attributions, shares, strict=True):
            if carrier >= 0:
                without = np.where(history == carrier, 0, lent) @ dense[history]
                assert share == pytest.approx((score - without[item]) / score)


def test_best_items_break_ties_by_index_and_leave_zero_out():
    assert best_items(np.array([0.0, 0.5, 0.5, 0.5, 0.9]), 3).tolist() == [4, 1, 2]
    assert best_items(np.zeros(3), 2).tolist() == []


def test_at_most_three_items_carry_and_none_that_speaks_against():
    items, shares = greatest_shares(np.array([3, 5, 7, 9]), np.array([[0.4], [0.4], [-0.2], [0.4]]))
    assert items.tolist() == [[3, 5, 9]] and shares.tolist() == [[0.4, 0.4, 0.4]]
    items, shares = greatest_shares(np.array([3, 5]), np.array([[-0.5], [1.5]]))
    assert items.tolist() == [[5, -1, -1]] and shares.tolist() == [[1.5, 0, 0]]


def test_a_matrix_is_the_same_for_any_order_of_rows():
    rows = [("a", "b", 1.0), ("a", "c", 2.0), ("c", "a", 3.0)]
    for order in (rows, rows[::-1]):
        found = matrix(
            pa.table([pa.array(column) for column in zip(*order, strict=True)], ["anchor", "product_id", "weight"])
        )
        assert found.products.to_pylist() == ["a", "b", "c"]
        assert (found.indptr.tolist(), found.items.tolist(), found.weights.tolist()) == (
            [0, 2, 2, 3],
            [1, 2, 0],
            [1, 2, 3],
        )


def test_a_cutoff_without_pairs_has_an_empty_matrix():
    none = pa.table({"anchor": pa.array([], pa.string()), "product_id": pa.array([], pa.string()), "weight": [0.5][:0]})
    found = matrix(none)
    assert (len(found.products), found.indptr.tolist(), len(found.items)) == (0, [0], 0)
