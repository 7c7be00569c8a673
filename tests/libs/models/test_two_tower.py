from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from libs.errors import ModelFileError
from libs.models import score, two_tower
from libs.models.files import read_about
from tests.libs.models import tiny


def _model(**params: object) -> two_tower.TwoTower:
    model = two_tower.build(replace(tiny.PARAMS, **params), tiny.catalogue(), tiny.N_PROFILE, seed=5)
    rng = np.random.default_rng(9)
    for variable in model.variables:  # away from the zeros that some variables start with
        variable.assign(variable.value + 0.3 * rng.normal(size=variable.shape).astype(np.float32))
    return model


def _users(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = tiny.rows(n, seed=3)
    rows["history"][0] = 0  # no history at all
    rows["history"][1] = [4, 0, 7, 0]  # holes, and the last slot empty
    return rows["history"], rows["history_age"], rows["profile"]


@pytest.mark.parametrize("normalise", [True, False])
def test_numpy_scoring_equals_keras(normalise: bool, tmp_path: Path) -> None:
    model = _model(normalise=normalise)
    two_tower.save(model, tmp_path)
    arrays = score.load_two_tower(tmp_path)
    np.testing.assert_allclose(score.two_tower_users(arrays, *_users()), model.user_vectors(*_users()), atol=1e-5)
    np.testing.assert_array_equal(arrays["item_vectors"], model.item_vectors())


def test_padding_has_a_zero_vector_even_when_its_table_rows_are_not_zero() -> None:
    model = _model()
    assert np.abs(np.asarray(model.id_vectors)[0]).max() > 0
    assert not np.asarray(model.product_vectors(tf.constant([0, 0]))).any()


def test_padding_rows_get_no_gradient_and_stay_as_they_were() -> None:
    model = _model(penalty=0.0)
    batch = {name: tf.constant(column) for name, column in tiny.rows(32).items()}
    with tf.GradientTape() as tape:
        loss = model.training_loss(batch, tf.constant([1, 2]))
    for gradient in tape.gradient(loss, [model.id_vectors.value, model.attribute_vectors.value]):
        assert not tf.convert_to_tensor(gradient).numpy()[0].any()


def test_an_attribute_mean_is_over_the_attributes_that_are_there() -> None:
    model = _model(normalise=False)
    vectors = np.asarray(model.attribute_vectors)
    own = np.asarray(model.id_vectors)[3] + tiny.catalogue().text[3] @ np.asarray(model.text_map)
    # Product 3 has attribute 1 and one empty slot: the mean is attribute 1's vector, not half of it.
    np.testing.assert_allclose(np.asarray(model.product_vectors(tf.constant([3])))[0], own + vectors[1], rtol=1e-5)


def test_ages_of_padding_do_not_matter() -> None:
    model = _model()
    history, age, profile = _users()
    other = np.where(history == 0, 77.0, age)
    np.testing.assert_allclose(model.user_vectors(history, age, profile), model.user_vectors(history, other, profile))


def test_an_old_purchase_weighs_less() -> None:
    model = two_tower.build(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE, seed=5)
    tower = model.serving_arrays()["tower"]
    profile = np.zeros((1, tiny.N_PROFILE))

    def pull(age: float) -> float:  # of product 2, bought `age` days ago, on the user's vector
        vector = model.user_vectors(np.array([[0, 0, 2, 15]]), np.array([[0, 0, age, 1.0]]), profile)[0, :-1]
        return float(vector @ tower[2])

    assert pull(200) < pull(30) < pull(1)


def test_a_seed_replays_the_dropout_of_a_step() -> None:
    model = _model()
    batch = {name: tf.constant(column) for name, column in tiny.rows(32).items()}
    first, again, other = (float(model.training_loss(batch, tf.constant([1, k]))) for k in (2, 2, 4))
    assert first == again != other


def test_rows_of_weight_zero_do_not_count() -> None:
    model = _model(penalty=0.0, history_dropout=0.0, id_dropout=0.0, loss="full")
    rows = tiny.rows(32)
    half = {name: column[:16] for name, column in rows.items()}
    rows["weight"][16:] = 0
    both = model.training_loss({k: tf.constant(v) for k, v in rows.items()}, tf.constant([1, 2]))
    first = model.training_loss({k: tf.constant(v) for k, v in half.items()}, tf.constant([1, 2]))
    assert float(both) == pytest.approx(float(first) / 2, rel=1e-5)


@pytest.mark.parametrize(("below", "full"), [(20, True), (19, False)])
def test_auto_takes_the_full_softmax_up_to_a_limit(below: int, full: bool) -> None:
    assert _model(loss="auto", full_softmax_below=below).full is full


def test_trend_moves_the_score_of_every_user_alike() -> None:
    trend = np.zeros(tiny.N_ITEMS + 1, np.float32)
    trend[4] = 0.7
    plain = two_tower.build(tiny.PARAMS, tiny.catalogue(), tiny.N_PROFILE)
    shifted = two_tower.build(tiny.PARAMS, replace(tiny.catalogue(), trend=trend), tiny.N_PROFILE)
    np.testing.assert_allclose(shifted.item_vectors() - plain.item_vectors(), np.outer(trend, np.eye(9)[8]), atol=1e-6)


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    two_tower.save(_model(), tmp_path)
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace("two_tower", "other"))
    with pytest.raises(ModelFileError, match="'other'"):
        two_tower.load(tmp_path)


def test_a_swapped_weights_file_is_named(tmp_path: Path) -> None:
    two_tower.save(_model(), tmp_path / "a")
    two_tower.save(_model(dim=4), tmp_path / "b")
    (tmp_path / "b" / "weights.safetensors").rename(tmp_path / "a" / "weights.safetensors")
    with pytest.raises(ModelFileError, match=r"weights\.safetensors"):
        two_tower.load(tmp_path / "a")


def test_saved_parameters_come_back(tmp_path: Path) -> None:
    two_tower.save(_model(temperature=0.3), tmp_path)
    assert read_about(tmp_path, "model")["params"]["temperature"] == 0.3
    assert two_tower.load(tmp_path).params.temperature == 0.3


@pytest.mark.parametrize(
    "broken",
    [{"text": np.full((21, 6), np.nan, np.float32)}, {"text": np.zeros((20, 6), np.float32)}, {"trend": np.zeros(3)}],
)
def test_a_catalogue_that_does_not_fit_is_refused(broken: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="catalogue"):
        replace(tiny.catalogue(), **broken)


@pytest.mark.parametrize("broken", [{"loss": "hinge"}, {"dim": 0}, {"temperature": 0.0}])
def test_parameters_out_of_range_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(tiny.PARAMS, **broken)
