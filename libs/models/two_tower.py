"""The two-tower retrieval model: a user vector from profile and history, a product vector from id, attributes, text.

The score of a pair is a dot product, so the best products of all users come from one blocked matrix product.
`libs.models.score` computes the same scores with NumPy only.
"""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from libs.errors import ModelFileError
from libs.models.files import Arrays, read_about, read_arrays, verify, write_arrays
from libs.models.losses import full_softmax, in_batch_softmax
from libs.models.score import MODEL, PADDING_BIAS, SERVING
from libs.models.two_tower_inputs import Catalogue, TwoTowerParams

Tensor = Any
_WEIGHTS = "weights"
_CATALOGUE = "catalogue"


class TwoTower(keras.Model):  # type: ignore[misc]
    """Shapes: b examples, l history slots, n products, a attribute slots, t text, p profile, d = `params.dim`."""

    def __init__(self, params: TwoTowerParams, catalogue: Catalogue, n_profile: int, seed: int, dtype: str) -> None:
        super().__init__(name="two_tower", dtype=dtype)
        self.params = params
        self.catalogue = catalogue
        self.n_profile = n_profile
        self._attributes = tf.constant(catalogue.attributes, tf.int32)
        self._text = tf.constant(catalogue.text, self.compute_dtype)
        popularity = np.where(np.arange(catalogue.n_items + 1) > 0, catalogue.log_popularity, 0.0)
        self._log_q = tf.constant(popularity, tf.float32)
        # Centred, so that changing the prior's weight does not shift all scores by a constant.
        self._prior = tf.constant(np.where(popularity != 0, popularity - popularity[1:].mean(), 0.0), tf.float32)
        self.full = params.loss == "full" or (params.loss == "auto" and catalogue.n_items <= params.full_softmax_below)
        self._add_variables(seed)
        self.built = True

    def _add_variables(self, seed: int) -> None:
        params, dim, n = self.params, self.params.dim, self.catalogue.n_items
        width, hidden = 2 * dim + self.n_profile, params.hidden
        normal, zeros, constant = keras.initializers.RandomNormal, keras.initializers.Zeros(), _constant
        n_attributes = int(self.catalogue.attributes.max(initial=0))
        text = self.catalogue.text.shape[1]
        small = 1 / math.sqrt(dim)

        def add(name: str, shape: tuple[int, ...], start: Any) -> Any:
            return self.add_weight(name=name, shape=shape, initializer=start, dtype="float32")

        self.id_vectors = add("id_vectors", (n + 1, dim), normal(stddev=0.1 * small, seed=seed))
        self.attribute_vectors = add("attribute_vectors", (n_attributes + 1, dim), normal(stddev=small, seed=seed + 1))
        self.text_map = add("text_map", (text, dim), normal(stddev=1 / math.sqrt(max(text, 1)), seed=seed + 2))
        self.item_bias = add("item_bias", (n + 1,), zeros)
        self.prior_weight = add("prior_weight", (), constant(params.prior))
        self.log_scale = add("log_scale", (), constant(-math.log(params.temperature)))
        self.log_decay = add("log_decay", (), constant(math.log(math.log(2) / params.half_life_days)))
        self.query = add("query", (dim,), zeros)
        self.pool_gate = add("pool_gate", (dim,), constant(1.0))
        self.last_gate = add("last_gate", (dim,), constant(0.5))
        self.hidden_map = add("hidden_map", (width, hidden), normal(stddev=1 / math.sqrt(width), seed=seed + 3))
        self.hidden_bias = add("hidden_bias", (hidden,), zeros)
        self.out_map = add("out_map", (hidden, dim), normal(stddev=0.1 / math.sqrt(hidden), seed=seed + 4))
        self.out_bias = add("out_bias", (dim,), zeros)

    def _c(self, variable: Any) -> Tensor:
        """A variable in the compute dtype; Keras casts automatically only inside `call`."""
        return ops.cast(variable, self.compute_dtype)

    def _finish(self, vectors: Tensor) -> Tensor:
        if not self.params.normalise:
            return vectors
        square = ops.sum(ops.square(ops.cast(vectors, "float32")), axis=-1, keepdims=True)
        return vectors * self._c(ops.rsqrt(square + 1e-12))

    def product_vectors(self, ids: Tensor, keep_id: Tensor | None = None) -> Tensor:
        """Product tower: [m] ids -> [m, d]; padding gives zeros. `keep_id` float [m] scales the id vectors."""
        id_vectors = self._c(ops.take(self.id_vectors, ids, axis=0))
        if keep_id is not None:
            id_vectors = id_vectors * self._c(keep_id)[:, None]
        attributes = tf.gather(self._attributes, ids)
        present = self._c(attributes > 0)[:, :, None]
        vectors = ops.take(self.attribute_vectors, attributes, axis=0)
        mean = ops.sum(self._c(vectors) * present, axis=1) / ops.maximum(ops.sum(present, axis=1), 1)
        text = ops.matmul(tf.gather(self._text, ids), self._c(self.text_map))
        return self._finish((id_vectors + mean + text) * self._c(ids > 0)[:, None])

    def biases(self, ids: Tensor) -> Tensor:
        """The part of a score that does not depend on the user: [m] ids -> float32 [m]."""
        prior = ops.convert_to_tensor(self.prior_weight) * tf.gather(self._prior, ids)
        return prior + ops.take(self.item_bias, ids, axis=0) * ops.cast(ids > 0, "float32")

    def pool(self, vectors: Tensor, history: Tensor, age: Tensor, profile: Tensor) -> Tensor:
        """User tower: [b, l, d] product vectors of the history, [b, l] ids, [b, l] days, [b, p] profile -> [b, d]."""
        present = ops.cast(history > 0, "float32")
        decay = ops.exp(ops.convert_to_tensor(self.log_decay))
        logits = ops.cast(ops.matmul(vectors, self._c(self.query)[:, None])[:, :, 0], "float32") - decay * age
        logits = ops.where(history > 0, logits, -1e9)
        weights = ops.softmax(logits, axis=1) * present
        pooled = ops.sum(vectors * self._c(weights)[:, :, None], axis=1)
        place = ops.arange(1, history.shape[1] + 1, dtype="float32") * present
        is_last = (place == ops.max(place, axis=1, keepdims=True)) & (history > 0)
        last = ops.sum(vectors * self._c(is_last)[:, :, None], axis=1)
        inputs = ops.concatenate([pooled, last, self._c(profile)], axis=1)
        hidden = ops.relu(ops.matmul(inputs, self._c(self.hidden_map)) + self._c(self.hidden_bias))
        learned = ops.matmul(hidden, self._c(self.out_map)) + self._c(self.out_bias)
        return self._finish(pooled * self._c(self.pool_gate) + last * self._c(self.last_gate) + learned)

    def training_loss(self, batch: dict[str, Tensor], seed: Tensor) -> Tensor:
        """Mean weighted loss of one batch. Dropout depends on `seed` (int [2]) only, so a step can be replayed.

        Args:
            batch: `history` int [b, l], `history_age` float [b, l], `profile` float [b, p], `target` int [b],
                `weight` float [b].
            seed: stateless seed.
        """
        history, target = tf.cast(batch["history"], tf.int32), tf.cast(batch["target"], tf.int32)
        owned = history if self.params.never_repeats else None
        kept = tf.random.stateless_uniform(tf.shape(history), seed) >= self.params.history_dropout
        history = tf.where(kept, history, 0)
        if self.full:
            ids = tf.range(self.catalogue.n_items + 1)
            places, columns = history, ids
        else:
            flat = tf.concat([tf.reshape(history, [-1]), target], axis=0)
            ids, index = tf.unique(flat)  # computes each product's vector once per batch
            places = tf.reshape(index[: tf.size(history)], tf.shape(history))
            columns = index[tf.size(history) :]
        keep_id = tf.random.stateless_uniform(tf.shape(ids), seed + 1) >= self.params.id_dropout
        vectors = self.product_vectors(ids, tf.cast(keep_id, tf.float32))
        users = self.pool(ops.take(vectors, places, axis=0), history, batch["history_age"], batch["profile"])
        logits = self._logits(users, ops.take(vectors, columns, axis=0), ops.take(self.biases(ids), columns, axis=0))
        if self.full:
            losses = full_softmax(logits, target, owned)
        else:
            losses = in_batch_softmax(logits, target, tf.gather(self._log_q, target), owned)
        rows = tf.gather(self.id_vectors.value, ids)
        squared_norm = tf.reduce_mean(tf.reduce_sum(tf.square(rows), axis=1)) + tf.reduce_mean(
            tf.square(tf.gather(self.item_bias.value, ids))
        )
        return tf.reduce_mean(losses * tf.cast(batch["weight"], tf.float32)) + self.params.penalty * squared_norm

    def _logits(self, users: Tensor, items: Tensor, biases: Tensor) -> Tensor:
        products = ops.cast(ops.matmul(users, ops.transpose(items)), "float32")
        return products * ops.exp(ops.convert_to_tensor(self.log_scale)) + biases[None, :]

    def user_vectors(self, history: Any, history_age: Any, profile: Any) -> NDArray[np.float32]:
        """float32 [b, d + 1]; the product with `item_vectors` transposed gives the scores. The last column is 1."""
        history = tf.constant(history, tf.int32)
        ids = tf.where(history <= self.catalogue.n_items, history, 0)
        vectors = self.product_vectors(tf.reshape(ids, [-1]))
        vectors = tf.reshape(vectors, [*ids.shape, self.params.dim])
        users = self.pool(vectors, ids, tf.constant(history_age, tf.float32), tf.constant(profile, tf.float32))
        out: NDArray[np.float32] = np.asarray(ops.cast(users, "float32"))
        return np.concatenate([out, np.ones((len(out), 1), np.float32)], axis=1)

    def _tower(self) -> NDArray[np.float32]:
        vectors = self.product_vectors(tf.range(self.catalogue.n_items + 1))
        out: NDArray[np.float32] = np.asarray(ops.cast(vectors, "float32"))
        return out

    def item_vectors(self) -> NDArray[np.float32]:
        """float32 [n + 1, d + 1]: vectors over temperature, then bias and trend. Row 0, padding, ranks last."""
        bias = np.array(self.biases(tf.range(self.catalogue.n_items + 1))) + self.catalogue.arrays()["trend"]
        bias[0] = PADDING_BIAS
        return np.concatenate([self._tower() * np.exp(np.float32(self.log_scale)), bias[:, None]], axis=1)

    def serving_arrays(self) -> Arrays:
        """The arrays with which `libs.models.score` scores without TensorFlow."""
        names = ("query", "pool_gate", "last_gate", "hidden_map", "hidden_bias", "out_map", "out_bias", "log_decay")
        arrays = {name: np.asarray(getattr(self, name)) for name in names}
        return arrays | {
            "tower": self._tower(),
            "item_vectors": self.item_vectors(),
            "normalise": np.array(self.params.normalise),
        }


def _constant(value: float) -> Any:
    return keras.initializers.Constant(value)


def build(
    params: TwoTowerParams, catalogue: Catalogue, n_profile: int, *, seed: int = 0, dtype: str = "float32"
) -> TwoTower:
    """A model with freshly initialised weights, which depend on `seed` only."""
    return TwoTower(params, catalogue, n_profile, seed, dtype)


def save(model: TwoTower, folder: Path) -> None:
    """Writes weights, catalogue and serving arrays with checksums; see `libs.models.files`."""
    weights = {variable.name: np.asarray(variable) for variable in model.variables}
    parts = {_WEIGHTS: weights, _CATALOGUE: model.catalogue.arrays(), SERVING: model.serving_arrays()}
    about = {"model": "two_tower", "params": asdict(model.params), "n_profile": model.n_profile}
    write_arrays(folder, MODEL, parts, about)


def load(folder: Path) -> TwoTower:
    """Loads a model that `save` wrote.

    Raises:
        ModelFileError: a file is missing, truncated, swapped or of another model; the message names it.
    """
    about = read_about(folder, MODEL)
    if about.get("model") != "two_tower":
        raise ModelFileError(f"{folder / MODEL}.json: describes {about.get('model')!r}, not a two_tower model")
    verify(folder, MODEL)
    catalogue = Catalogue(**read_arrays(folder, MODEL, _CATALOGUE))
    model = build(TwoTowerParams(**about["params"]), catalogue, about["n_profile"])
    weights = read_arrays(folder, MODEL, _WEIGHTS)
    for variable in model.variables:
        array = weights.get(variable.name)
        if array is None or array.shape != tuple(variable.shape):
            raise ModelFileError(f"{folder / _WEIGHTS}.safetensors: lacks {variable.name} of shape {variable.shape}")
        variable.assign(array)
    return model
