"""The first grounded draft is published; a draft that says too much gives way to the template."""

import pytest

from libs.explain.explanation import explain
from libs.explain.writer import Draft
from tests.libs.explain.facts import WRITER, example, recommend

NEXT = example("bought_next", "review", contribution=0.5)


class Boaster:
    """A writer that is fluent and wrong."""

    name = "boaster"

    def write(self, rec, language):
        return Draft("Everyone loves this.", language, tuple(rec.facts), self.name)


class Honest(Boaster):
    name = "honest"

    def write(self, rec, language):
        sentence = "After “Pet Sounds”, 12 people reviewed this."
        return Draft(sentence, language, tuple(rec.facts), self.name)


def test_an_ungrounded_draft_is_replaced_by_the_template():
    explanation = explain([Boaster(), WRITER], recommend(NEXT), "en", score=2.0)
    assert explanation.draft.generator == "template"
    assert explanation.verdict.grounded
    assert explanation.faithfulness == pytest.approx(0.25)
    assert explanation.draft.evidence_ids == (NEXT.evidence_id,)


def test_the_first_grounded_draft_wins():
    assert explain([Honest(), WRITER], recommend(NEXT), "en", score=2.0).draft.generator == "honest"


def test_without_a_grounded_draft_the_last_verdict_says_so():
    explanation = explain(
        [Honest(), Boaster()], recommend(NEXT._replace(slots={**NEXT.slots, "support": "13"})), "en", 1
    )
    assert not explanation.verdict.grounded
    with pytest.raises(ValueError, match="no generators"):
        explain([], recommend(NEXT), "en", 1.0)
