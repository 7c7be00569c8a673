"""What every learned model must do, whatever it is: a suite to be run over an adapter of each.

A model that joins the product gets an adapter in `test_contract.py`; the checks stay as they are.
"""

import re
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from libs.errors import ModelFileError


class Learned(Protocol):
    """An adapter: a model fitted on a tiny planted shop."""

    def fit(self, seed: int) -> Any: ...
    def save(self, model: Any, folder: Path) -> None: ...
    def load(self, folder: Path) -> Any: ...
    def scores(self, model: Any) -> np.ndarray:
        """Of a few known users, [u, n + 1]."""

    def scores_of_unseen_user(self, model: Any) -> np.ndarray:
        """Of one user without any history, [n + 1]."""

    def scores_with_unseen_item(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Of one user whose history holds a product beyond the catalogue, and of the same user without it."""


def refit_equals_fit(adapter: Learned) -> None:
    first, again = adapter.scores(adapter.fit(3)), adapter.scores(adapter.fit(3))
    np.testing.assert_array_equal(first, again)


def another_seed_gives_another_model(adapter: Learned) -> None:
    assert (adapter.scores(adapter.fit(3)) != adapter.scores(adapter.fit(4))).any()


def save_and_load_keep_the_output(adapter: Learned, folder: Path) -> None:
    model = adapter.fit(3)
    adapter.save(model, folder)
    np.testing.assert_array_equal(adapter.scores(adapter.load(folder)), adapter.scores(model))


def every_damaged_file_is_named(adapter: Learned, folder: Path) -> None:
    model = adapter.fit(3)
    adapter.save(model, folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files
    for path in files:
        whole = path.read_bytes()
        for broken in (whole[:-9], b"", None):
            path.unlink() if broken is None else path.write_bytes(broken)
            with pytest.raises(ModelFileError, match=re.escape(path.name)):
                adapter.load(folder)
            path.write_bytes(whole)
    adapter.load(folder)


def unseen_user_gets_finite_scores_that_tell_products_apart(adapter: Learned) -> None:
    scores = adapter.scores_of_unseen_user(adapter.fit(3))[1:]
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 1


def unseen_item_in_a_history_changes_nothing(adapter: Learned) -> None:
    with_it, without = adapter.scores_with_unseen_item(adapter.fit(3))
    np.testing.assert_allclose(with_it, without, rtol=1e-6)


def padding_never_ranks(adapter: Learned) -> None:
    scores = adapter.scores(adapter.fit(3))
    assert (scores[:, 0] < scores[:, 1:].min(axis=1)).all()
