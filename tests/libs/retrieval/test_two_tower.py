import math
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from libs.models import score, two_tower
from libs.retrieval import nearest as retrieval
from libs.retrieval.ann import build_index
from libs.retrieval.candidates import Taken
from libs.retrieval.nearest import ExactSearch, IndexSearch
from libs.retrieval.two_tower import HISTORY, last_slots, lists
from tests.libs.models import tiny


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    model = two_tower.build(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE, seed=5)
    return model.serving_arrays()


def slots(*rows: list[int]) -> np.ndarray:
    return np.array([[0] * (HISTORY - len(row)) + row for row in rows])


def relative(arrays: dict[str, np.ndarray], row: list[int], age: np.ndarray, item: int) -> float:
    vector = score.two_tower_users(arrays, slots(row), age, np.zeros((1, tiny.N_PROFILE)))
    logits = (vector @ arrays["item_vectors"].T)[0]
    return math.exp(logits[item] - logits[1:].max())


def test_the_last_events_fill_the_slots_from_the_end() -> None:
    # User 0 has events 0..22 (items 0..22), user 1 none, user 2 one: ids are items + 1.
    items, ages = np.append(np.arange(23), 7), np.append(np.arange(23)[::-1] + 1, 4)
    events = Taken(np.array([0, 23, 23, 24]), items, np.zeros(24, np.int64), ages)
    history, age = last_slots(events)
    assert history[0].tolist() == list(range(4, 24))
    assert age[0, -1] == 1
    assert history[1].tolist() == [0] * HISTORY
    assert (history[2, -1], age[2, -1], history[2, -2]) == (8, 4, 0)


def test_a_share_is_the_part_of_the_score_lost_without_the_product(arrays: dict[str, np.ndarray]) -> None:
    rows = [[3, 5, 3, 8], [2]]
    age = np.tile(np.arange(HISTORY)[::-1].astype(np.float32), (2, 1))
    found = lists(arrays, slots(*rows), age, np.zeros((2, tiny.N_PROFILE), np.float32), 5, ExactSearch())
    for user, row in enumerate(rows):
        one = found[user]
        assert one.scores[0] == 1
        for place, item in enumerate(one.items + 1):
            whole = relative(arrays, row, age[[user]], item)
            assert one.scores[place] == pytest.approx(whole, rel=1e-5)
            shares = dict(zip(one.attributions[place] + 1, one.attribution_shares[place], strict=True))
            for product in set(row) & set(shares):
                # Product 3 stands in two slots and leaves both.
                left = relative(arrays, [0 if p == product else p for p in row], age[[user]], item)
                assert shares[product] == pytest.approx(max(0.0, 1 - left / whole), abs=1e-5)


def test_a_list_is_longer_than_the_catalogue_for_nobody(arrays: dict[str, np.ndarray]) -> None:
    age = np.zeros((1, HISTORY), np.float32)
    found = lists(arrays, slots([1]), age, np.zeros((1, tiny.N_PROFILE), np.float32), 1000, ExactSearch())
    assert sorted(found[0].items + 1) == list(range(1, len(arrays["item_vectors"])))


def test_the_vocabulary_is_read_in_id_order(spark) -> None:
    from libs.retrieval.candidates import vocabularies

    rows = spark.createDataFrame(
        [(date(2020, 1, 1), 2, "b"), (date(2020, 1, 1), 1, "a")], "cutoff date, id int, product_id string"
    )
    assert vocabularies(rows)[date(2020, 1, 1)].equals(pa.array(["a", "b"]))


def test_an_index_gives_the_same_lists_and_shares(
    arrays: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The catalogue is smaller than what is found beyond a list, so that nothing is missed.
    build_index(arrays["item_vectors"][1:], tmp_path / "index")
    monkeypatch.setattr(retrieval.SparkFiles, "get", lambda name: str(tmp_path / name))
    age = np.tile(np.arange(HISTORY)[::-1].astype(np.float32), (2, 1))
    whole, found = (
        lists(arrays, slots([3, 5, 3, 8], [2]), age, np.zeros((2, tiny.N_PROFILE), np.float32), 5, search)
        for search in (ExactSearch(), IndexSearch("index", 1))
    )
    for one, other in zip(whole, found, strict=True):
        np.testing.assert_array_equal(one.items, other.items)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.attributions, other.attributions)
        np.testing.assert_allclose(one.attribution_shares, other.attribution_shares, atol=1e-6)
