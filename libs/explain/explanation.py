"""The sentence to publish: the first draft that the check lets through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from libs.explain.contributions import faithfulness
from libs.explain.evidence_types import K
from libs.explain.grounding import Verdict, check
from libs.explain.writer import Draft, Generator, Recommendation


class Explanation(NamedTuple):
    """A checked draft. `faithfulness` is the share of the score that its reasons explain, in [0, 1]."""

    draft: Draft
    verdict: Verdict
    faithfulness: float


def explain(
    generators: Iterable[Generator], rec: Recommendation, language: str, score: float, k: int = K
) -> Explanation:
    """The first grounded draft of the generators, best loved first and `TemplateWriter` last.

    Where none is grounded, the last draft with its verdict: it must not be published.

    Raises:
        ValueError: there are no generators.
        NothingToSay: the recommendation has no fact that may be cited.
    """
    explanation = None
    for generator in generators:
        draft = generator.write(rec, language)
        verdict = check(draft.sentence, language, rec.title, draft.facts, k)
        explanation = Explanation(draft, verdict, faithfulness(draft.facts, score))
        if verdict.grounded:
            return explanation
    if explanation is None:
        raise ValueError("no generators")
    return explanation
