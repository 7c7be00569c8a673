"""The example in each docstring is the truth."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["topk", "fusion"])
def test_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"libs.rerank.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
