"""What the declaration of an evidence type holds; the types themselves are in `evidence_types`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

Kind = Literal["name", "count", "decimal", "money", "currency", "enum"]
Subject = Literal["product", "user", "pair"]
Slots = Mapping[str, str]
Rule = Callable[[Slots], str | None]

DURATION_ROLES = ("every", "since", "window")
# What a sentence may say of a number, and the nouns that count it. A share counts what its slot says (`of`).
NOUNS: dict[str, tuple[str, ...]] = {
    **{role: (role,) for role in ("people", "friends", "reviews", "times", "mean", "rank")},
    **dict.fromkeys(DURATION_ROLES, ("day", "week", "month")),
    **dict.fromkeys(("price", "usual", "before"), ("money",)),
}
# What a statement can be asked to hold beside the roles of its numbers.
PARTS = ("act", "anchor", "likeness", "name", "number", "share")


class Slot(NamedTuple):
    """One slot of a type.

    Attributes:
        kind: name (free text), count (whole number >= 1), decimal, money, currency or enum.
        meaning: for people.
        role: what a sentence says of the number: a key of NOUNS, or part and whole of a share.
        of: what a share counts: items or reviews.
        optional: the fact may lack it.
        unless: (enum slot, choice) with which the fact may lack it.
        choices: values of an enum.
    """

    kind: Kind
    meaning: str
    role: str | None = None
    of: str | None = None
    optional: bool = False
    unless: tuple[str, str] | None = None
    choices: tuple[str, ...] = ()

    def nouns(self) -> tuple[str, ...]:
        """Nouns that count the number; none for a slot that is no number."""
        if self.role is None:
            return ()
        return (self.of,) if self.of else NOUNS[self.role]


class EvidenceType(NamedTuple):
    """A kind of fact: all that the rest of the code knows about it.

    Attributes:
        meaning: for people.
        slots: by name; `action`, where there is one, is filled with the shop's own action.
        states: what a sentence must say of it: roles of its numbers, or PARTS.
        subject: whom or what the fact is about.
        gathered_by: the function of libs.evidence.facts that finds it.
        tables: what it is gathered from; the first holds the row that the fact can be looked up in.
        keys: columns of that row's key.
        people: the slot that counts other people ("support": the fact's own field); such a fact needs
            `privacy.min_people` of them, and is withdrawn when an erasure may leave fewer.
        counts_reader: the people may include the reader, who is taken off where he has the product.
        variant: the enum slot on which the wording depends.
        family: facts of one family say nearly the same; a sentence cites one of them. None: a family of its own, of
            which a second reason may be cited.
        flaw: why the slots would make an untrue or absurd sentence, or None.
    """

    meaning: str
    slots: dict[str, Slot]
    states: tuple[str, ...]
    subject: Subject
    gathered_by: str
    tables: tuple[str, ...]
    keys: tuple[str, ...]
    people: str | None = None
    counts_reader: bool = True
    variant: str | None = None
    family: str | None = None
    flaw: Rule | None = None

    @property
    def source(self) -> str:
        """The table that holds the fact's source row."""
        return self.tables[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Slots that hold free text."""
        return tuple(name for name, slot in self.slots.items() if slot.kind == "name")

    @property
    def numbers(self) -> dict[str, str]:
        """Role of a number -> its slot."""
        return {slot.role: name for name, slot in self.slots.items() if slot.role}

    @property
    def share(self) -> tuple[str, str] | None:
        """Slots of (part, whole), where the type says a share."""
        numbers = self.numbers
        return (numbers["part"], numbers["whole"]) if "whole" in numbers else None

    @property
    def variants(self) -> tuple[str, ...]:
        """Choices of the variant slot; ("",) where the wording depends on none."""
        return self.slots[self.variant].choices if self.variant else ("",)


def below(smaller: str, larger: str) -> Rule:
    """The first amount must be the smaller."""

    def rule(slots: Slots) -> str | None:
        return None if float(slots[smaller]) < float(slots[larger]) else f"{smaller} is not below {larger}"

    return rule


def within(part: str, whole: str) -> Rule:
    """The part must not exceed the whole."""

    def rule(slots: Slots) -> str | None:
        return f"{part} exceeds {whole}" if int(slots[part]) > int(slots[whole]) else None

    return rule


def mostly(part: str, whole: str) -> Rule:
    """The part must be at least half of the whole, and not exceed it."""

    def rule(slots: Slots) -> str | None:
        small, large = float(slots[part]), float(slots[whole])
        return None if small <= large <= 2 * small else f"{slots[part]} of {slots[whole]} is no praise"

    return rule


def at_most(name: str, limit: int) -> Rule:
    """The number must not exceed the limit."""

    def rule(slots: Slots) -> str | None:
        return f"{name} above {limit}" if float(slots[name]) > limit else None

    return rule


def omissions(spec: EvidenceType) -> list[str]:
    """What the declaration lacks or contradicts, each part by its name; empty where it is whole."""
    slots, problems = spec.slots, []
    for part in ("meaning", "slots", "states", "gathered_by", "tables", "keys"):
        if not getattr(spec, part):
            problems.append(f"{part}: missing")
    for name, slot in slots.items():
        where = f"slots.{name}"
        if bool(slot.choices) != (slot.kind == "enum"):
            problems.append(f"{where}: an enum has choices, and nothing else has")
        if (slot.kind in ("count", "decimal", "money")) != bool(slot.role):
            problems.append(f"{where}: a number has a role, and nothing else has")
        elif slot.role and bool(slot.of) != (slot.role in ("part", "whole")):
            problems.append(f"{where}: a share says what it counts (of), and nothing else does")
        elif slot.role and not slot.of and slot.role not in NOUNS:
            problems.append(f"{where}: role {slot.role!r} is not one of {', '.join(NOUNS)}, part, whole")
    roles = [slot.role for slot in slots.values() if slot.role]
    if len(roles) > len(set(roles)) or ("part" in roles) != ("whole" in roles):
        problems.append("slots: a role stands once, and a part has its whole")
    if len(set(spec.names) - {"anchor"}) > 1:
        problems.append("slots: a sentence tells one name beside the anchor, not two")
    if unknown := set(spec.states) - set(roles) - set(PARTS):
        problems.append(f"states: {', '.join(sorted(unknown))}: no role of a number, nor one of {', '.join(PARTS)}")
    if "act" in spec.states and "action" not in slots:
        problems.append("states: an act needs the slot action")
    if spec.people not in (None, "support", *slots):
        problems.append(f"people: no slot {spec.people!r}")
    if spec.people and spec.subject == "user" and "product_id" not in spec.keys:
        problems.append("keys: product_id is missing; an erasure finds facts of others by their product")
    if spec.variant and not (spec.variant in slots and slots[spec.variant].choices):
        problems.append(f"variant: no enum slot {spec.variant!r}")
    return problems
