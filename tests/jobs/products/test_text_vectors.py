from __future__ import annotations

import sys
from datetime import date

import numpy as np
import pytest

from libs.text import encoder


def text(cutoff: str, product: str, words: str) -> dict[str, object]:
    return {
        "cutoff": date.fromisoformat(cutoff),
        "product_id": product,
        "title": words,
        "categories": [],
        "text": words,
        "text_hash": f"hash of {words}",
    }


@pytest.fixture
def words(warehouse):
    warehouse.seed(
        "features.product_text",
        [
            text("2020-01-01", "a", "red lipstick"),
            text("2020-02-01", "a", "red lipstick"),
            text("2020-02-01", "b", "crimson lip colour"),
            text("2020-02-01", "c", "garden hose"),
            text("2020-02-01", "d", ""),
            text("2020-03-01", "e", "of another night"),
        ],
    )
    return warehouse


def vectors(warehouse):
    rows = warehouse.read("features.text_vectors").where(f"model_id = '{encoder.encoder_id()}'").collect()
    return {row["text_hash"]: np.array(row["vector"]) for row in rows}


def test_each_new_text_is_embedded_once_and_means_what_it_says(words):
    ctx = words.run("products.text_vectors", cutoffs=("2020-01-01", "2020-02-01"))
    assert words.read("features.text_vectors").count() == 3
    found = vectors(words)
    lipstick, lip, hose = (found[f"hash of {t}"] for t in ("red lipstick", "crimson lip colour", "garden hose"))
    assert np.linalg.norm(lipstick) == pytest.approx(1, abs=1e-3)
    assert lipstick @ lip > 0.5 > 0.2 > lipstick @ hose
    assert "features.text_vectors" in ctx.versions_written


def test_only_texts_without_a_vector_of_this_encoder_are_embedded(words):
    kept = [0.5] * 384
    words.seed("features.text_vectors", [
        {"model_id": encoder.encoder_id(), "text_hash": "hash of red lipstick", "vector": kept},
        {"model_id": "another", "text_hash": "hash of garden hose", "vector": kept},
    ])  # fmt: skip
    words.run("products.text_vectors", cutoffs=("2020-02-01",))
    found = vectors(words)
    assert found["hash of red lipstick"].tolist() == kept
    assert len(found) == 3
    assert found["hash of garden hose"].tolist() != kept


def test_a_night_without_new_words_writes_nothing_and_loads_no_model(words, monkeypatch):
    hashes = [f"hash of {t}" for t in ("red lipstick", "crimson lip colour", "garden hose")]
    words.seed(
        "features.text_vectors",
        [{"model_id": encoder.encoder_id(), "text_hash": h, "vector": [1.0] * 384} for h in hashes],
    )
    monkeypatch.setattr("jobs.products.text_vectors.embedded", lambda *_: pytest.fail("asked for vectors"))
    loaded = "tensorflow" in sys.modules
    ctx = words.run("products.text_vectors", cutoffs=("2020-02-01",))
    assert ctx.versions_written == {}
    assert ("tensorflow" in sys.modules) == loaded
