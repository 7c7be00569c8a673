from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from libs.models import two_tower
from tests.libs.models import contract, tiny


class TwoTowerAdapter:
    """Three plain steps: the contract is about determinism and files, not about quality."""

    def fit(self, seed: int) -> Any:
        model = two_tower.build(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE, seed=seed)
        optimizer = keras.optimizers.Adam(0.05)
        batch = {name: tf.constant(column) for name, column in tiny.rows(64, seed=1).items()}
        for step in range(3):
            with tf.GradientTape() as tape:
                loss = model.training_loss(batch, tf.constant([seed, step]))
            gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return model

    def save(self, model: Any, folder: Path) -> None:
        two_tower.save(model, folder)

    def load(self, folder: Path) -> Any:
        return two_tower.load(folder)

    def scores(self, model: Any) -> np.ndarray:
        known = tiny.rows(5, seed=2)
        users = model.user_vectors(known["history"], known["history_age"], known["profile"])
        return users @ model.item_vectors().T

    def _one(self, model: Any, history: list[int]) -> np.ndarray:
        ages = np.where(np.array(history) > 0, 3.0, 0.0)
        users = model.user_vectors(np.array([history]), ages[None, :], np.zeros((1, tiny.N_PROFILE)))
        return (users @ model.item_vectors().T)[0]

    def scores_of_unseen_user(self, model: Any) -> np.ndarray:
        return self._one(model, [0, 0, 0, 0])

    def scores_with_unseen_item(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        return self._one(model, [0, 2, tiny.N_ITEMS + 1, 5]), self._one(model, [0, 2, 0, 5])


@pytest.fixture(params=[TwoTowerAdapter], ids=["two_tower"])
def adapter(request: pytest.FixtureRequest) -> contract.Learned:
    return request.param()


def test_refit_equals_fit(adapter: contract.Learned) -> None:
    contract.refit_equals_fit(adapter)


def test_another_seed_gives_another_model(adapter: contract.Learned) -> None:
    contract.another_seed_gives_another_model(adapter)


def test_save_and_load_keep_the_output(adapter: contract.Learned, tmp_path: Path) -> None:
    contract.save_and_load_keep_the_output(adapter, tmp_path)


def test_every_damaged_file_is_named(adapter: contract.Learned, tmp_path: Path) -> None:
    contract.every_damaged_file_is_named(adapter, tmp_path)


def test_unseen_user_gets_finite_scores(adapter: contract.Learned) -> None:
    contract.unseen_user_gets_finite_scores_that_tell_products_apart(adapter)


def test_unseen_item_in_a_history_changes_nothing(adapter: contract.Learned) -> None:
    contract.unseen_item_in_a_history_changes_nothing(adapter)


def test_padding_never_ranks(adapter: contract.Learned) -> None:
    contract.padding_never_ranks(adapter)
