"""The example in each docstring is the truth."""

import doctest
import importlib

import pytest

MODULES = [
    "evaluation.beyond_accuracy",
    "evaluation.intervals",
    "evaluation.ranking",
    "explain.terms",
    "languages.lexicon",
    "ranking.fusion",
    "retrieval.topk",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"libs.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
