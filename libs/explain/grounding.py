"""Does a finished sentence say no more than the evidence it cites?

Independent of every writer: the sentence is read anew. Each quoted name, number, action and claim is compared with
the cited facts clause by clause, so that a true number beside the wrong claim fails too. The vocabulary is closed
(`libs.languages`): a word that is not known there states something for which there is no evidence.

How it reads. Phrases are looked up, longest first. Each number gets a role from what stands beside it ("12 people",
"the last 30 days", "from $14.63"). Clauses end at punctuation and conjunctions; each must agree, in all that it
states, with one cited fact. Neighbouring clauses that agree with the same fact are one statement, which must name
the fact's main numbers and names. Every cited fact must be stated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from libs.explain.evidence_types import EVIDENCE_TYPES, NEUTRAL_ACTION, Fact, malformed, unsayable
from libs.explain.names import JOINER, LINK, clean_name, shop_name
from libs.explain.reading import DURATIONS, Clause, Number, read
from libs.explain.vocabulary import GROUPS, vocabulary
from libs.languages.lexicon import ANCHORED, UNTITLED, Item

_UNSAFE = re.compile(rf"(?P<markup>[<>]|&#?\w+;)|(?P<link>{LINK.pattern})", re.IGNORECASE)
_QUOTED = re.compile("(?<=[“„])[^“”„]*(?=[“”])")
# Which slot answers a number of which role.
_NUMBERS = {type: spec.numbers for type, spec in EVIDENCE_TYPES.items()}
_NAMES = {type: spec.names for type, spec in EVIDENCE_TYPES.items()}
# A type with two names shows the other one after its own verb ("is from"), and the anchor before it or elsewhere.
_TWO_NAMES = {type for type, spec in EVIDENCE_TYPES.items() if len(spec.names) > 1}
_LIKENESSES = {type for type, spec in EVIDENCE_TYPES.items() if "likeness" in spec.states}
_MONTH_SLACK = 5.0  # days that "about n months" may be off


class Verdict(NamedTuple):
    """`grounded` is true exactly when there are no reasons against it."""

    grounded: bool
    reasons: tuple[str, ...]


class _Evidence:
    """The cited facts, indexed: each look-up gives the set of facts that agree, as bits."""

    def __init__(self, title: str, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self.everything = (1 << len(facts)) - 1
        self.reasons = self.unanchored = self.untitled = 0
        self.keys: dict[str, int] = {}
        self.actions: dict[str, int] = {}
        self.names: dict[tuple[str, bool], int] = {}
        self.numbers: dict[tuple[str, float, str | None], int] = {}
        self.title = clean_name(title)
        for i, fact in enumerate(facts):
            bit = 1 << i
            type, slots = fact.type, fact.slots
            spec = EVIDENCE_TYPES[type]
            if fact.role == "reason":
                self.reasons |= bit
            if type not in GROUPS[ANCHORED]:
                self.unanchored |= bit
            elif "anchor" not in slots:
                self.untitled |= bit
            keys = (type, f"{type}:{slots[spec.variant]}") if spec.variant else (type,)
            for key in keys:
                self.keys[key] = self.keys.get(key, 0) | bit
            if "action" in spec.slots:
                action = slots.get("action", NEUTRAL_ACTION)
                self.actions[action] = self.actions.get(action, 0) | bit
            for slot in _NAMES[type]:
                if slot in slots:
                    name = clean_name(slots[slot])
                    for placed in (slot != "anchor",) if type in _TWO_NAMES else (True, False):
                        self.names[name, placed] = self.names.get((name, placed), 0) | bit
            for role, slot in _NUMBERS[type].items():
                if slot in slots:
                    number = (role, float(slots[slot]), slots.get("currency"))
                    self.numbers[number] = self.numbers.get(number, 0) | bit
                    if role == "part" and float(slots[slot]) == float(slots[_NUMBERS[type]["whole"]]):
                        number = ("all", number[1], None)
                        self.numbers[number] = self.numbers.get(number, 0) | bit

    def any_of(self, item: Item) -> int:
        """Facts that support a claim, an action or a counted noun."""
        if item.kind == "act":
            return self.actions.get(item.value, 0)
        if item.value == UNTITLED:
            return self.untitled
        mask, known = 0, self.keys
        for key in item.keys:
            mask |= known.get(key, 0)
        return mask

    def clause(self, clause: Clause, problems: list[str]) -> tuple[int, set[str]]:
        """(facts that agree with the whole clause, roles of its numbers and "name"); adds why none does."""
        masks: list[int] = []
        seen: set[str] = set()
        for item in clause.claims:
            masks.append(self.any_of(item))
            if item.kind == "act":
                seen.add("act")
            elif item.value == UNTITLED:  # stands where the anchor's title would
                seen |= {"anchor", "name"}
            elif item.keys[0].partition(":")[0] in _LIKENESSES:
                seen.add("likeness")
        for n in clause.numbers:
            masks.append(self.number(n))
            seen.add(n.role or "")
        bare = not masks
        for name in clause.names:
            if name[0] != self.title:  # "A note on “X”:" can only be about the product itself
                masks.append(0 if bare and clause.opens else self.names.get(name, 0))
            elif name in self.names and not (bare and clause.opens):  # another product of the same title
                masks.append(self.names[name])
            else:  # beside a claim about another product, the own title would take that product's place
                masks.append(self.everything if bare else self.unanchored)
                continue
            seen |= {"name"} if name[1] else {"name", "anchor"}
        mask = self.reasons if clause.because and masks else self.everything
        for agreeing in masks:
            mask &= agreeing
        if not mask:
            self.explain(clause, masks, problems)
        return mask, seen

    def explain(self, clause: Clause, masks: list[int], problems: list[str]) -> None:
        """Adds why no fact agrees with the clause: what none supports by itself, else what does not go together."""
        texts = [self.why(item) for item in clause.claims]
        texts += [f"number {n.text} has no evidence" for n in clause.numbers]
        texts += [f"name “{name}” not in evidence" for name, _ in clause.names]
        alone = [text for text, agreeing in zip(texts, masks, strict=True) if not agreeing]
        parts = [item.text for item in clause.claims] + [n.text for n in clause.numbers]
        said = ", ".join(parts + [f"“{name}”" for name, _ in clause.names])
        problems += alone or [f"no single fact agrees{' as a reason' if clause.because else ''}: {said}"]

    def why(self, item: Item) -> str:
        """Why no fact supports a claim or an action."""
        if item.kind == "act":
            return f"action {item.text} but evidence says {' or '.join(sorted(self.actions)) or 'nothing of the kind'}"
        types = " or ".join(dict.fromkeys(key.partition(":")[0] for key in item.keys))
        return f"claim {item.text} without a {types} fact"

    def number(self, n: Number) -> int:
        """Facts that hold the number in its role. Months are about: within a few days."""
        role = n.role
        if role is None:
            return 0
        if n.unit == "month":
            if n.value % 1:
                return 0
            return sum(
                1 << i
                for i, fact in enumerate(self.facts)
                if (slot := _NUMBERS[fact.type].get(role)) in fact.slots
                and abs(float(fact.slots[slot or ""]) - n.value * DURATIONS["month"]) <= _MONTH_SLACK
            )
        return self.numbers.get((role, n.value * DURATIONS.get(n.unit or "", 1.0), n.code), 0)


def check(sentence: str, language: str, title: str, facts: Sequence[Fact], min_people: int) -> Verdict:
    """Compares a finished sentence with the facts it cites.

    Args:
        title: the recommended product's own.
        min_people: fewest other people that a fact may speak of.

    Raises:
        OperatorError: the language has no pack.
    """
    lexicon = vocabulary(language)
    if not facts:
        return Verdict(False, ("no fact cited",))
    reasons = [
        problem for fact in facts if (problem := malformed(fact.type, fact.slots) or unsayable(fact, min_people))
    ]
    # A name in quotation marks may begin with a shop's name.
    if unsafe := _UNSAFE.search(_QUOTED.sub(lambda name: name[0].removeprefix(shop_name(name[0])), sentence)):
        reasons.append(f"{unsafe.lastgroup} in sentence")
    if not JOINER.sub("", sentence).isprintable():
        reasons.append("invisible character in sentence")
    if not reasons:
        reading = read(sentence, lexicon)
        reasons = reading.problems + _compare(reading.clauses, _Evidence(title, facts))
    return Verdict(not reasons, tuple(dict.fromkeys(reasons)))


def _compare(clauses: list[Clause], evidence: _Evidence) -> list[str]:
    """Joins neighbouring clauses that agree with one fact into statements, and checks that those are whole."""
    problems: list[str] = []
    stated = 0
    mask, seen, claimed = evidence.everything, set[str](), False
    for clause in clauses:
        agreeing, here = evidence.clause(clause, problems)
        if here or clause.claims or not agreeing:
            if clause.relative and agreeing and not mask & agreeing:
                said = ", ".join(item.text for item in clause.claims)
                problems.append(f"“which” does not go with what comes before: {said}")
            if agreeing and not mask & agreeing:
                stated |= _whole(mask, seen, claimed, evidence.facts, problems)
                mask, seen, claimed = evidence.everything, set(), False
            mask &= agreeing
            seen |= here
            claimed = claimed or any(item.kind != "unit" for item in clause.claims)
        if clause.ends and (seen or claimed):
            stated |= _whole(mask, seen, claimed, evidence.facts, problems)
            mask, seen, claimed = evidence.everything, set(), False
    if not problems:
        problems += [
            f"cited fact {fact.type} {fact.evidence_id} is not stated"
            for i, fact in enumerate(evidence.facts)
            if not stated >> i & 1
        ]
    return problems


def _whole(mask: int, seen: set[str], claimed: bool, facts: Sequence[Fact], problems: list[str]) -> int:
    """The facts that a statement states in full: something is claimed, with the main numbers and names."""
    if not mask:
        return 0  # said already
    if {"part", "whole"} <= seen or "all" in seen:
        seen = seen | {"share"}
    full, complaints = 0, []
    for i, fact in enumerate(facts):
        if mask >> i & 1:
            given = seen | {"number"} if seen & _NUMBERS[fact.type].keys() else seen
            missing = [part for part in EVIDENCE_TYPES[fact.type].states if part not in given]
            if claimed and not missing:
                full |= 1 << i
            else:
                complaints.append(f"claim {fact.type} misses its {' and '.join(missing) or 'statement'}")
    if not full:
        problems.extend(complaints[:1])
    return full
