"""Published sentences change only when somebody means them to."""

import pytest

from tests.libs.explain.facts import WRITER
from tests.libs.explain.golden import FOLDER, sentences


@pytest.mark.parametrize("language", WRITER.templates)
def test_every_sentence_is_as_recorded(language):
    recorded = (FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    assert sentences(language) == recorded  # after a wanted change: python -m tests.libs.explain.golden
