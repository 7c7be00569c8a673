"""The inverted-file index against exact top-K."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from libs.retrieval.ann import build_index, nearest, read_index
from libs.retrieval.topk import top_k


def index_of(items, folder):
    build_index(items, folder / "index")
    return read_index(folder / "index")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="module")
def shop(folder):
    """20,000 products around 300 centres, lengths over two decades, and 200 users near some of them."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(300, 24)) * rng.gamma(0.5, 1, size=(300, 1))
    near = centres[rng.integers(0, 300, 20_000)]
    items = (near + rng.normal(size=near.shape) * 0.3 * np.linalg.norm(near, axis=1, keepdims=True) / 5).astype("f4")
    users = (items[rng.integers(0, 20_000, 200)] + rng.normal(size=(200, 24)) * 0.1).astype("f4")
    return users, items, index_of(items, folder)


@st.composite
def problems(draw):
    n_users, n_items, d = draw(st.integers(0, 7)), draw(st.integers(1, 30)), draw(st.integers(1, 3))
    small = st.integers(-2, 2)  # many ties, and sums that any order of addition gives exactly
    kind = draw(st.sampled_from([np.float32, np.float64]))
    users = draw(arrays(kind, (n_users, d), elements=small))
    return users, draw(arrays(kind, (n_items, d), elements=small)), draw(st.integers(1, 33)), draw(st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_with_all_cells_searched_it_is_top_k_and_with_fewer_no_list_is_shorter(folder, problem):
    users, items, k, probes = problem
    index = index_of(items, folder)
    for cells in (probes, index.nlist):
        indices, scores = nearest(index, users, items, k, cells)
        expected, best = top_k(users, items, k)
        assert indices.dtype == expected.dtype and scores.dtype == best.dtype
        np.testing.assert_array_equal(indices >= 0, expected >= 0)
        for row, found in enumerate(indices):
            own = found[found >= 0]
            assert len(set(own)) == len(own)
            np.testing.assert_array_equal(scores[row, : len(own)], items[own] @ users[row])
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(scores, best)


def test_few_cells_hold_nearly_all_of_a_list(shop):
    users, items, index = shop
    indices, scores = nearest(index, users, items, 100, 48)
    expected, best = top_k(users, items, 100)
    recall = np.mean([np.isin(want, got).mean() for want, got in zip(expected, indices, strict=True)])
    assert index.nlist == 566 and 0.99 <= recall < 1  # and it is not all that was searched
    # A product that both find has one score, whoever found it.
    for want, got, exact, found in zip(expected, indices, best, scores, strict=True):
        assert dict(zip(want, exact, strict=True)).items() >= {
            (item, score) for item, score in zip(got, found, strict=True) if item in want
        }


def test_the_same_items_give_the_same_file_and_a_list_does_not_depend_on_who_else_asks(shop, folder):
    users, items, index = shop
    build_index(items, folder / "again")
    build_index(items, folder / "once more")
    assert (folder / "again").read_bytes() == (folder / "once more").read_bytes()
    together = nearest(index, users, items, 50, 16)
    alone = [nearest(index, users[[user]], items, 50, 16) for user in range(len(users))]
    np.testing.assert_array_equal(together[0], np.concatenate([indices for indices, _ in alone]))
    np.testing.assert_array_equal(together[1], np.concatenate([scores for _, scores in alone]))


def test_what_does_not_fit_is_refused(shop, folder):
    users, items, index = shop
    for k, probes, own in ((0, 1, items), (1, 0, items), (1, 1, items[1:])):
        with pytest.raises(ValueError, match="index of"):
            nearest(index, users, own, k, probes)
    for wrong in (items[:0], np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="finite vectors"):
            build_index(wrong, folder / "wrong")
