"""Sentences from templates: the writer that always has something to say, and the protocol for other writers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol

from libs.explain.contributions import select_facts
from libs.explain.evidence_types import EVIDENCE_TYPES, NEUTRAL_ACTION, Fact
from libs.explain.names import clean_name
from libs.explain.templates import Templates, compile_templates, read_templates


class Recommendation(NamedTuple):
    """One recommended product of one user, with the facts that may be cited for it. `title` may be empty."""

    user_id: str
    product_id: str
    title: str
    facts: Sequence[Fact]


class Draft(NamedTuple):
    """A sentence as written, not yet checked, and the facts it cites."""

    sentence: str
    language: str
    facts: tuple[Fact, ...]
    generator: str

    @property
    def evidence_ids(self) -> tuple[str, ...]:
        """Ids of the cited facts, the strongest first."""
        return tuple(fact.evidence_id for fact in self.facts)


class Generator(Protocol):
    """Anything that writes: templates here, models elsewhere. Drafts are checked by `grounding` before use."""

    @property
    def name(self) -> str:
        """Stored with each sentence."""

    def write(self, rec: Recommendation, language: str) -> Draft:
        """One or two sentences that cite one to three of the recommendation's facts."""


class NothingToSay(ValueError):
    """None of the facts may be said: there are none, or all speak of too few people."""


class TemplateWriter:
    """Writes from compiled templates. The wording is chosen by a hash of user and product: the same in every run."""

    name = "template"

    def __init__(self, texts: Mapping[str, str], *, min_people: int, max_facts: int = 3) -> None:
        """From YAML texts by language (see `read_templates`).

        Raises:
            OperatorError: a text is wrong, or its language has no pack.
        """
        self.min_people = min_people
        self.max_facts = max_facts
        self.templates = {
            language: compile_templates(text, f"conf/languages/{language}/templates.yaml", language)
            for language, text in texts.items()
        }

    @classmethod
    def from_directory(cls, directory: Path, *, min_people: int) -> TemplateWriter:
        """The writer for every language in the directory."""
        return cls(read_templates(directory), min_people=min_people)

    def write(self, rec: Recommendation, language: str) -> Draft:
        """The sentence for one recommendation.

        Raises:
            KeyError: the language has no templates.
            NothingToSay: no fact may be cited.
        """
        digest = blake2b(f"{rec.user_id}\x1f{rec.product_id}".encode(), digest_size=12).digest()
        return self.compose(rec, language, int.from_bytes(digest))

    def compose(self, rec: Recommendation, language: str, choice: int) -> Draft:
        """The sentence that `choice` picks: its mixed-radix digits choose frame, wordings and joins in turn."""
        templates = self.templates[language]
        facts = select_facts(rec.facts, self.max_facts, self.min_people)
        if not facts:
            raise NothingToSay(f"no fact may be cited for product {rec.product_id!r}")
        clauses: list[str] = []
        # "Also" is said once, by the first information that adds to something.
        adds = next((i for i, fact in enumerate(facts) if i and fact.role == "information"), None)
        for i, fact in enumerate(facts):
            spec = EVIDENCE_TYPES[fact.type]
            variant = fact.slots[spec.variant] if spec.variant else ""
            action = fact.slots.get("action", NEUTRAL_ACTION)
            options = templates.wordings[fact.type, variant, fact.role, action, i != adds]
            usable = [w for w in options if w.needs <= fact.slots.keys()]
            choice, pick = divmod(choice, len(usable))
            clauses.append(usable[pick](fact.slots))
        choice, pick = divmod(choice, len(templates.frames[facts[0].role]))
        head = self._frame(templates, facts[0].role, pick, rec.title)
        sentence = _join(templates, [fact.role for fact in facts], head, clauses, choice)
        return Draft(sentence, language, tuple(facts), self.name)

    @staticmethod
    def _frame(templates: Templates, role: str, pick: int, title: str) -> str:
        frames = templates.frames[role]
        frame = frames[pick]
        if len(frame) == 1:
            return frame[0]
        name = clean_name(title)
        if not name:
            return next(other[0] for other in frames if len(other) == 1)
        opening, closing = templates.quotes
        return f"{frame[0]}{opening}{name}{closing}{frame[1]}"


def _join(templates: Templates, roles: list[str], head: str, clauses: list[str], choice: int) -> str:
    """One or two sentences. Reasons and information never share one: a "because" must not reach information."""
    changes = [i for i in range(1, len(roles)) if roles[i] != roles[i - 1]]
    if changes:
        cut = changes[0]
    else:
        cut = 1 + choice % len(clauses)  # len(clauses): a single sentence, kept for two clauses at most
        if len(clauses) > 2 and cut == len(clauses):
            cut = 2
    first = _sentence(templates, head, clauses[:cut])
    return first + templates.gap + _sentence(templates, "", clauses[cut:]) if cut < len(clauses) else first


def _sentence(templates: Templates, head: str, clauses: list[str]) -> str:
    plain = any(templates.crowded in clause for clause in clauses)
    text = head + (templates.join_plain if plain else templates.join).join(clauses)
    return text[0].upper() + text[1:] + templates.stop
