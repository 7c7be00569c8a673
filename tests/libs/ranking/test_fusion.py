"""Fusion weights: hand-worked scores, what a fit promises, and whether it carries over to fresh users.

`python tests/libs/ranking/test_fusion.py` prints the table behind the figures of the module's text.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.ranking import fusion
from libs.ranking.fusion import FusionWeights, fit, ndcg_per_user, score

NAMES = tuple("abcdef")
SHOPS = {  # noise of each of six sources, beside a true preference of variance 1
    "graded": (1.0, 1.2, 1.5, 2.0, 3.0, 6.0),
    "one dominant": (0.8, 3.0, 3.0, 4.0, 6.0, 9.0),
    "equal": (1.5,) * 6,
    "half useless": (1.0, 1.1, 1.2, 50.0, 50.0, 50.0),
}


def simulated(n_users: int, seed: int, noise: tuple[float, ...], pool: int = 300) -> dict[str, np.ndarray]:
    """Users with 1 + Poisson(2) targets among `pool` products, 30% of them lost; sources of six shapes and lengths."""
    rng = np.random.default_rng(seed)
    shared, true = rng.normal(size=(2, n_users, pool))
    features = np.zeros((n_users, pool, len(noise)), dtype=np.float32)
    for s, (deviation, length) in enumerate(zip(noise, (120, 80, 60, 100, 100, 100), strict=True)):
        error = rng.normal(size=(n_users, pool))
        if s in (1, 2):  # two sources that err alike
            error = 0.7 * shared + 0.7 * error
        rank = np.argsort(np.argsort(-(true + deviation * error), axis=1), axis=1) + 1
        shape = (np.exp(-(rank - 1) / 30), 1 / rank, 1 - (rank - 1) / length)[s % 3]
        features[:, :, s] = np.where(rank <= length, np.clip(shape, 1e-6, 1), 0)
    n_targets = 1 + rng.poisson(2, size=n_users)
    place = np.argsort(np.argsort(-(1.5 * true + rng.gumbel(size=true.shape)), axis=1), axis=1)
    label = (place < n_targets[:, None]) & (rng.random(place.shape) >= 0.3)
    named = features.max(axis=2) > 0
    user, product = np.nonzero(named)
    return {
        "group": user,
        "features": features[named],
        "label": label[named],
        "n_targets": n_targets,
        "tie_break": product,
    }


def single(n: int, s: int) -> FusionWeights:
    return FusionWeights(NAMES[:n], tuple(float(i == s) for i in range(n)), (1.0,) * n)


def test_score_by_hand():
    weights = FusionWeights(("als", "repeat"), (0.25, 0.75), (0.5, 2.0))
    # .25 * sqrt(.64) + .75 * .5^2 = .2 + .1875; absent from both: 0
    assert score([[0.64, 0.5], [0.0, 0.0]], weights) == pytest.approx([0.3875, 0.0])


def test_ndcg_by_hand_with_ties_by_the_tie_break():
    # User 0: scores .5 .9 .5, the targets are the two at .5, ranks 2 (tie 4) and 3 (tie 7), and one in no pool:
    # (1/log2(3) + 1/2) / (1 + 1/log2(3) + 1/2). User 1 has no hit. User 2: the target ties with 0 and comes first.
    rows = {
        "group": [0, 0, 0, 1, 2, 2],
        "features": [[0.5], [0.9], [0.5], [1.0], [0.0], [0.0]],
        "label": [1, 0, 1, 0, 0, 1],
        "n_targets": [3, 1, 1],
        "tie_break": [7, 9, 4, 1, 6, 2],
    }
    expected = (0.63093 + 0.5) / 2.13093
    assert ndcg_per_user(single(1, 0), **rows) == pytest.approx([expected, 0, 1], abs=1e-5)


@given(st.data())
def test_ndcg_equals_a_sort_of_each_list(data):
    n = data.draw(st.integers(1, 30))
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    features = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=n, max_size=n)))[:, None]
    label = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    tie = np.array(data.draw(st.permutations(range(n))))
    n_targets = np.maximum(np.bincount(group[label], minlength=3), 1)
    expected = []
    for user in range(3):
        rows = sorted(np.flatnonzero(group == user), key=lambda r: (-features[r, 0], tie[r]))[:10]
        gain = sum(1 / np.log2(rank + 2) for rank, r in enumerate(rows) if label[r])
        expected.append(gain / sum(1 / np.log2(rank + 2) for rank in range(min(n_targets[user], 10))))
    assert ndcg_per_user(single(1, 0), group, features, label, n_targets, tie) == pytest.approx(expected)


@pytest.mark.parametrize("shop", SHOPS)
def test_on_the_fitting_data_never_below_the_best_single_source(shop):
    for seed in range(3):
        rows = simulated(30, seed, SHOPS[shop], pool=130)
        best = max(ndcg_per_user(single(6, s), **rows).mean() for s in range(6))
        assert ndcg_per_user(fit(NAMES, **rows), **rows).mean() >= best - 1e-12


@pytest.mark.parametrize(("shop", "gain"), [("graded", 1.15), ("equal", 1.4), ("half useless", 1.1)])
def test_carries_over_to_fresh_users(shop, gain):
    weights = fit(NAMES, **simulated(300, 1, SHOPS[shop]))
    fresh = simulated(1500, 999, SHOPS[shop])
    best = max(ndcg_per_user(single(6, s), **fresh).mean() for s in range(6))
    assert ndcg_per_user(weights, **fresh).mean() > gain * best


def test_one_dominant_source_is_not_drowned():
    weights = fit(NAMES, **simulated(300, 1, SHOPS["one dominant"]))
    assert weights.weights[0] > 0.4
    fresh = simulated(1500, 999, SHOPS["one dominant"])
    assert ndcg_per_user(weights, **fresh).mean() > 0.97 * ndcg_per_user(single(6, 0), **fresh).mean()


def test_order_of_rows_does_not_matter():
    rows = simulated(40, 2, SHOPS["graded"], pool=130)
    shuffled = np.random.default_rng(0).permutation(rows["group"].size)
    mixed = {name: value if name == "n_targets" else value[shuffled] for name, value in rows.items()}
    assert fit(NAMES, **rows) == fit(NAMES, **mixed)


def test_source_that_names_nothing_gets_no_weight_though_the_tie_break_order_is_good():
    # The target is always first in tie-break order; source b never names a product.
    rows = {
        "group": np.repeat(np.arange(20), 3),
        "features": np.tile([[0.2, 0.0], [1.0, 0.0], [0.5, 0.0]], (20, 1)),
        "label": np.tile([1, 0, 0], 20),
        "n_targets": np.ones(20, dtype=int),
        "tie_break": np.tile([0, 1, 2], 20),
    }
    assert ndcg_per_user(single(2, 1), **rows).mean() == 1  # as a list, filled up, it is perfect
    assert fit(("a", "b"), **rows).weights == (1.0, 0.0)


def test_without_a_hit_all_sources_weigh_the_same():
    found = fit(("a", "b"), [0, 1], [[1.0, 0.5], [0.5, 1.0]], [0, 0], [1, 2], [0, 1])
    assert (found.weights, found.powers) == ((0.5, 0.5), (1.0, 1.0))


ROWS = {"group": [0, 0], "features": [[1.0], [0.5]], "label": [1, 0], "n_targets": [1], "tie_break": [0, 1]}


@pytest.mark.parametrize(
    "change",
    [
        {"features": [[1.0, 0.0], [0.5, 0.0]]},
        {"features": [[1.5], [0.5]]},
        {"features": [[np.nan], [0.5]]},
        {"label": [1]},
        {"label": [1, 1]},  # more labels than targets
        {"n_targets": [0]},
        {"n_targets": []},
        {"group": [0, 1]},  # beyond n_targets
        {"group": [0, -1]},
    ],
)
def test_rows_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError):
        fit(("a",), **{**ROWS, **change})


@pytest.mark.parametrize(
    "arguments",
    [
        ((), (), ()),
        (("a",), (0.5,), (1.0,)),
        (("a", "b"), (1.5, -0.5), (1.0, 1.0)),
        (("a",), (1.0,), (0.0,)),
        (("a", "b"), (1.0,), (1.0,)),
    ],
)
def test_weights_that_are_no_mixture_are_refused(arguments):
    with pytest.raises(ValueError):
        FusionWeights(*arguments)


def test_features_are_checked():
    for features in ([[0.5, 0.5]], [[1.1]], [0.5], [[np.nan]]):
        with pytest.raises(ValueError):
            score(features, single(1, 0))


def _table() -> None:
    """Fresh users' NDCG@10 x 10^4 of each rule, averaged over repeats; columns as in the module's text."""
    names = ("best single", "equal", "prior", "optimum", "fitted")
    totals = np.zeros(len(names))
    for shop, noise in SHOPS.items():
        fresh = simulated(6000, 999, noise)
        for n_users, repeats in ((100, 8), (300, 4), (1000, 2)):
            values = np.zeros(len(names))
            for seed in range(1, repeats + 1):
                rows = simulated(n_users, seed, noise)
                sample = fusion._Sample(6, **rows)
                own = [sample.ndcg(sample.fused(w, [2] * 6)).sum() for w in np.eye(6)]
                prior = np.array(own) ** fusion._PRIOR_POWER / (np.array(own) ** fusion._PRIOR_POWER).sum()
                power = max(range(4), key=lambda q, s=sample, p=prior: s.ndcg(s.fused(p, [q] * 6)).sum())
                starts = ((prior, [power] * 6), (np.eye(6)[int(np.argmax(own))], [2] * 6))
                top = max((fusion._ascend(sample, *start) for start in starts), key=lambda found: found[2].sum())
                rules = (
                    single(6, int(np.argmax(own))),
                    FusionWeights(NAMES, (1 / 6,) * 6, (1.0,) * 6),
                    FusionWeights(NAMES, tuple(prior), (fusion.POWERS[power],) * 6),
                    FusionWeights(NAMES, tuple(top[0]), tuple(fusion.POWERS[q] for q in top[1])),
                    fit(NAMES, **rows),
                )
                values += [ndcg_per_user(w, **fresh).mean() / repeats for w in rules]
            totals += values / 12
            print(f"{shop:13}{n_users:5}", *(f"{name} {v * 1e4:.0f}" for name, v in zip(names, values, strict=True)))
    print("mean", *(f"{name} {v * 1e4:.0f}" for name, v in zip(names, totals, strict=True)))


if __name__ == "__main__":
    _table()
