"""The encoder against published figures, a second implementation, and its own promises."""

from pathlib import Path

import numpy as np
import pytest

from libs.text.encoder import Encoder, get_encoder, packaged_folder

TITLES = ["red lipstick", "crimson lip colour", "garden hose"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return get_encoder()


def test_similarities_equal_the_published_ones(encoder):
    # The first example of the Sentence-Transformers documentation for all-MiniLM-L6-v2, printed there to four decimals.
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = encoder.encode(sentences)
    published = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]
    np.testing.assert_allclose(vectors @ vectors.T, published, atol=1e-4)


def test_related_products_are_closer_than_unrelated_ones(encoder):
    lipstick, crimson, hose = encoder.encode(TITLES)
    assert lipstick @ crimson == pytest.approx(0.689, abs=2e-3)
    assert lipstick @ hose == pytest.approx(0.170, abs=2e-3)


def test_hidden_layers_agree_with_keras_hub(encoder):
    # A second implementation of the architecture over the same weights. KerasHub uses the tanh form of GELU, which
    # differs from the exact form the model was trained with in the third decimal.
    import keras_hub

    backbone = keras_hub.models.BertBackbone.from_preset(str(packaged_folder()))
    for title, vector in zip(TITLES, encoder.encode(TITLES), strict=True):
        ids = np.array([encoder._tokenizer.encode(title).ids])
        hidden = backbone({"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)})[
            "sequence_output"
        ]
        pooled = np.asarray(hidden)[0].mean(axis=0)
        assert vector @ (pooled / np.linalg.norm(pooled)) == pytest.approx(1, abs=1e-4)


def test_vectors_are_unit_float32_in_input_order(encoder):
    texts = ["a much longer description of a hanging heart holder for a candle " * 3, "mug", "red mug"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, encoder.encode([text])[0], atol=1e-5)


def test_encoding_twice_gives_the_same_bits(encoder):
    assert np.array_equal(encoder.encode(TITLES), encoder.encode(TITLES))


def test_a_vector_does_not_depend_on_batch_or_company(encoder):
    texts = [f"item {'very ' * (i % 23)}nice {i}" for i in range(50)]
    whole = encoder.encode(texts)
    np.testing.assert_allclose(whole, encoder.encode(texts, batch_size=7), atol=1e-5)
    np.testing.assert_allclose(whole, encoder.encode(texts[::-1])[::-1], atol=1e-5)


def test_text_beyond_max_tokens_is_not_read(encoder):
    # 126 words of one token each, between [CLS] and [SEP], fill the 128 tokens.
    full = "mug " * 126
    assert np.array_equal(encoder.encode([full]), encoder.encode([full + "garden hose"]))
    assert not np.allclose(encoder.encode([full]), encoder.encode(["garden hose " + full]), atol=1e-3)


def test_empty_input_and_empty_text(encoder):
    assert encoder.encode([]).shape == (0, 384)
    assert np.linalg.norm(encoder.encode([""])[0]) == pytest.approx(1, abs=1e-5)


def test_model_id_names_the_weights(encoder):
    # First 16 digits of the SHA-256 of model.safetensors as published by the model's authors.
    assert encoder.model_id == "all-MiniLM-L6-v2@53aa51172d142c89"


def test_one_encoder_a_process():
    assert get_encoder() is get_encoder()


def test_folder_without_weights_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        Encoder(tmp_path)


def test_another_architecture_is_refused(tmp_path: Path):
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).symlink_to(packaged_folder() / name)
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ValueError, match="model_type is 't5'"):
        Encoder(tmp_path)


def test_max_tokens_beyond_the_positions_is_refused():
    with pytest.raises(ValueError, match=r"3\.\.512"):
        Encoder(max_tokens=513)
