"""A finished sentence, read into clauses: its names, its numbers with their roles, its claims. No evidence here."""

from __future__ import annotations

from typing import NamedTuple

from libs.explain.vocabulary import UNITS
from libs.languages.lexicon import Item, Lexicon

DURATIONS = {"day": 1.0, "week": 7.0, "month": 30.44}  # in days
_MONEY = {"usual": "usual", "than": "usual", "before": "before"}


class Number:
    """A number as read. `role` says what it counts (None: nothing known), `code` the currency."""

    __slots__ = ("code", "cue", "role", "text", "unit", "value")

    def __init__(self, text: str, value: float, role: str | None, unit: str | None, cue: str | None) -> None:
        self.text, self.value, self.role, self.unit, self.cue = text, value, role, unit, cue
        self.code: str | None = None
        if unit and role is None:
            self.take_duration(unit, None)

    def take_duration(self, unit: str, role: str | None) -> None:
        """Becomes a length of time; its role comes from the unit ("days ago") or the cue ("every")."""
        self.unit = unit
        cue = "every" if self.cue == "all" else self.cue  # German: "alle zwei Wochen"
        self.role = role or (cue if cue in ("every", "window", "since") else None)

    def take_money(self, code: str | None) -> None:
        """Becomes an amount: the price now, unless a cue says otherwise."""
        self.unit, self.code = "money", code
        self.role = _MONEY.get(self.cue or "", "price")


class Clause:
    """What stands between two cuts; `opens`: a colon ends it; `relative`: "which" begins it.

    `names` holds (name, whether it follows "is from" or "is in").
    """

    __slots__ = ("because", "claims", "ends", "names", "numbers", "opens", "relative")

    def __init__(self, because: bool) -> None:
        self.because = because
        self.ends = self.opens = self.relative = False
        self.claims: list[Item] = []
        self.names: list[tuple[str, bool]] = []
        self.numbers: list[Number] = []


class Reading(NamedTuple):
    """The clauses, and what no evidence could support: unknown words and superlatives."""

    clauses: list[Clause]
    problems: list[str]


def items(sentence: str, lexicon: Lexicon) -> list[Item]:
    """What the sentence states, phrase by phrase, the longest first; words that state nothing are left out."""
    tokens: list[str] = lexicon.token.findall(sentence)
    low = list(map(str.lower, tokens))
    root, n, i = lexicon.phrases, len(tokens), 0
    found: list[Item] = []
    while i < n:
        node = root.get(low[i])
        best: Item | None = None
        start = i
        i += 1
        if node is not None:
            best = node.get("")
            j = i
            while j < n and (node := node.get(low[j])) is not None:
                j += 1
                if "" in node:
                    best, i = node[""], j
        if best is None:
            token = tokens[start]
            if token[0] in lexicon.opening and len(token) > 1:
                best = Item("name", token, token[1:-1])
            elif len(token) == 3 and token.isupper() and token.isascii():
                money = ("money", None, token)
                best = (
                    Item("unit", token, money, UNITS["money"])
                    if lexicon.code_follows
                    else Item("currency", token, token)
                )
            else:
                while i < n and lexicon.numerals.fullmatch("".join(tokens[start : i + 1])):
                    i += 1
                text = "".join(tokens[start:i])
                numeral = lexicon.numeral(text)
                best = Item("unknown", text) if numeral is None else Item("number", text, (*numeral, None))
        if best.kind != "word":
            found.append(best)
    return found


class _Reader:
    """Gathers items into clauses."""

    def __init__(self) -> None:
        self.clauses: list[Clause] = []
        self.problems: list[str] = []
        self.start(False)

    def start(self, because: bool) -> None:
        self.clause = Clause(because)
        self.cue: str | None = None
        self.code: str | None = None
        self.right: str | None = None  # role of the number after "of the", until it comes
        self.placed = False

    def close(self, ends: bool) -> None:
        """Ends the clause; one that states nothing is left out."""
        clause = self.clause
        if clause.claims or clause.numbers or clause.names:
            self.clauses.append(clause)
        if ends and self.clauses:
            self.clauses[-1].ends = True
        self.start(clause.because and not ends)

    def take(self, item: Item) -> None:
        """Adds an item to the clause, or ends the clause."""
        kind, clause = item.kind, self.clause
        placed, self.placed = self.placed, kind == "place"
        if kind == "cut" or kind == "end":
            clause.opens = item.value == "opens"
            self.close(kind == "end")
            self.clause.relative = item.value == "relative"
        elif kind == "name":
            clause.names.append((item.value, placed))
        elif kind == "number":
            self.number(item)
        elif kind == "unit":
            self.unit(item)
        elif item.noun and clause.numbers and clause.numbers[-1].role is None:
            self.unit(Item("unit", item.text, (item.noun, None, None), UNITS[item.noun]))
        elif kind == "ratio":
            if clause.numbers:
                clause.numbers[-1].role, self.right = item.value
        elif kind == "currency":
            self.code = item.value
        elif kind == "reason":
            clause.because = True
        elif kind == "banned":
            self.problems.append(f"unsupported claim “{item.text}”")
        elif kind == "unknown":
            self.problems.append(f"word “{item.text}” has no evidence")
        else:  # a claim, a place, a cue or an action
            if kind == "cue":
                self.cue = item.value
            if item.keys or kind == "act":
                clause.claims.append(item)

    def number(self, item: Item) -> None:
        value, role, unit = item.value
        n = Number(item.text, value, role, unit, self.cue)
        if self.right is not None:
            n.role, self.right = self.right, None
        elif self.cue in ("rank", "all"):
            n.role = self.cue
        if self.code is not None:
            n.take_money(self.code)
        self.clause.numbers.append(n)
        self.cue = self.code = None

    def unit(self, item: Item) -> None:
        """A counted noun: gives its number a role, and claims something by itself."""
        name, role, code = item.value
        numbers = self.clause.numbers
        last = numbers[-1] if numbers else None
        if self.right is not None and last is not None:  # "five of your friends": no share after all
            last.role, self.right = None, None
        if name in DURATIONS:
            if last is None or last.unit is not None or self.cue is not None:  # "every week"
                last = Number(item.text, 1.0, None, None, self.cue)
                numbers.append(last)
                self.cue = None
            last.take_duration(name, role)
        elif last is None:
            if name == "items":  # "this item"
                return
        elif last.role is None:
            if name == "times" and last.value == 1 and len(numbers) > 1 and numbers[-2].role == "every":
                numbers.pop()  # "once every two weeks", in Chinese
                return
            last.unit, last.role = name, role or name
            if name == "money":
                last.take_money(code)
        elif last.role == "rank" and name in ("people", "rank"):  # 第3位: a place, not a person
            return
        elif role == "all":
            last.role = "all"
        self.clause.claims.append(item)


def read(sentence: str, lexicon: Lexicon) -> Reading:
    """The sentence as clauses."""
    reader = _Reader()
    for item in items(sentence, lexicon):
        reader.take(item)
    reader.close(True)
    return Reading(reader.clauses, reader.problems)
