"""conf/languages/<language>/templates.yaml, validated and compiled once.

A wording becomes a list of literals and functions of the fact's slots: text from a shop is only ever put in,
never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import yaml

from libs.errors import OperatorError
from libs.explain.declaration import EvidenceType
from libs.explain.durations import duration_unit
from libs.explain.evidence_types import ACTIONS, EVIDENCE_TYPES, NEUTRAL_ACTION
from libs.explain.names import clean_name
from libs.languages.pack import pack

Slots = Mapping[str, str]
Render = Callable[[Slots], str]

_PLACE = re.compile(r"\{([a-z_]+)(?::([a-z_]+)|\|([^{}]*))?\}")
_ROLES = ("reason", "information")
_VERBS = ("do", "did", "done")
_SHARES = {type: spec.share for type, spec in EVIDENCE_TYPES.items() if spec.share}
_MARKS = ("join", "join_plain", "crowded", "stop", "gap")
_KEYS = {
    **dict.fromkeys(("also", *_MARKS), str),
    **dict.fromkeys(("actions", "nouns", "shares", "durations", "frames", "wordings"), dict),
}
_UNITS = ("day", "week", "month")


@dataclass(frozen=True)
class Wording:
    """One compiled wording: head, then (render, literal) pairs; `needs` are the slots it uses."""

    head: str
    tail: tuple[tuple[Render, str], ...]
    needs: frozenset[str]

    def __call__(self, slots: Slots) -> str:
        out = [self.head]
        for render, literal in self.tail:
            out.append(render(slots))
            out.append(literal)
        return "".join(out)


@dataclass(frozen=True)
class Templates:
    """One language. `wordings` is keyed by (type, variant or "", role, action, whether it goes without "also")."""

    join: str
    join_plain: str
    crowded: str
    stop: str
    gap: str
    quotes: tuple[str, str]
    frames: dict[str, tuple[tuple[str, ...], ...]]
    wordings: dict[tuple[str, str, str, str, bool], tuple[Wording, ...]]


def read_templates(directory: Path) -> dict[str, str]:
    """The text of every `<language>/templates.yaml` in the directory, by language."""
    paths = sorted(directory.glob("*/templates.yaml"))
    return {path.parent.name: path.read_text(encoding="utf-8") for path in paths}


class _Compiler:
    """Turns one parsed file into `Templates`; every complaint names the file and the key."""

    def __init__(self, data: Any, source: str, language: str) -> None:
        self.source = source
        self.pack = pack(language)
        if not isinstance(data, dict):
            raise OperatorError(f"{source}: not a mapping")
        self._keys("", data, set(_KEYS), set(_KEYS))
        for key, kind in _KEYS.items():
            if not isinstance(data[key], kind):
                self.fail(key, f"must be a {kind.__name__}")
        self.data = data
        self.formatters: dict[tuple[str, str | None], Callable[[str], str]] = {}
        self._keys("actions", data["actions"], set(ACTIONS), set(ACTIONS))
        for action in ACTIONS:
            self._keys(f"actions.{action}", data["actions"][action], set(_VERBS), set(_VERBS))
        for name, forms in data["nouns"].items():
            self._plurals(f"nouns.{name}", forms)
        for name, forms in data["shares"].items():
            self._keys(f"shares.{name}", forms, {"part", "all", "single"}, {"one", "part", "all", "single"})
        for name, units in data["durations"].items():
            self._keys(f"durations.{name}", units, set(_UNITS), set(_UNITS))
            for unit in _UNITS:
                self._plurals(f"durations.{name}.{unit}", units[unit])
        self._keys("frames", data["frames"], set(_ROLES), set(_ROLES))
        self._keys("wordings", data["wordings"], set(EVIDENCE_TYPES), set(EVIDENCE_TYPES))

    def fail(self, key: str, problem: str) -> NoReturn:
        raise OperatorError(f"{self.source}: {key}: {problem}")

    def _keys(self, where: str, found: Any, needed: set[str], known: set[str]) -> None:
        prefix = f"{where}." if where else ""
        if not isinstance(found, dict):
            self.fail(where, "must be a mapping")
        for key in found:
            if key not in known:
                self.fail(f"{prefix}{key}", f"unknown key; known: {', '.join(sorted(known))}")
        for key in sorted(needed):
            if key not in found:
                self.fail(f"{prefix}{key}", "missing")

    def _plurals(self, where: str, forms: Any) -> None:
        """A text for every plural category that a count can have, and for single numbers: =1, =2."""
        single = {name for name in forms if re.fullmatch("=[1-9]", str(name))} if isinstance(forms, dict) else set()
        needed = {self.pack.plural(n) for n in range(1, 201) if f"={n}" not in single}
        self._keys(where, forms, {"other", *needed}, {*self.pack.plurals, *single})

    def number(self, raw: str) -> str:
        return self.pack.number(int(raw))

    def counted(self, forms: Mapping[str, str], n: int) -> str:
        form = forms.get(f"={n}") or forms.get(self.pack.plural(n)) or forms["other"]
        return form.replace("{n}", self.pack.number(n))

    def name(self, raw: str) -> str:
        opening, closing = self.pack.quotes
        return f"{opening}{clean_name(raw)}{closing}"

    def share(self, form: str, part: str, whole: str) -> str:
        forms: dict[str, str] = self.data["shares"][form]
        if part == whole:
            kind = "single" if whole == "1" else "all"
        else:
            kind = "one" if part == "1" and "one" in forms else "part"
        return forms[kind].replace("{part}", self.number(part)).replace("{whole}", self.number(whole))

    def formatter(self, kind: str, form: str | None) -> Callable[[str], str] | None:
        """The function that shows a slot of this kind in this form; None if there is no such form."""
        if kind == "name":
            before = self.pack.name_forms.get(form or "")
            if before is None:
                return None if form else self.name
            return lambda raw: before(clean_name(raw)) + self.name(raw)
        if form == "digits" and kind in ("count", "decimal"):
            return self.pack.digits
        if kind != "count":
            return None
        if form in self.data["nouns"]:
            forms = self.data["nouns"][form]
            return lambda raw: self.counted(forms, int(raw))
        if form in self.data["durations"]:
            units = self.data["durations"][form]

            def duration(raw: str) -> str:
                unit, n = duration_unit(int(raw))
                return self.counted(units[unit], n)

            return duration
        return {"number": self.number, "ordinal": lambda raw: self.pack.ordinal(int(raw))}.get(form or "")

    def render(self, where: str, type: str, match: re.Match[str]) -> tuple[Render, str]:
        """The function for one placeholder, and the slot that it needs."""
        slot, form, agreeing = match.groups()
        spec = EVIDENCE_TYPES[type]
        if slot == "share" and form in self.data["shares"] and type in _SHARES:
            part, whole = _SHARES[type]
            return (lambda slots: self.share(form, slots[part], slots[whole])), whole
        if slot not in spec.slots:
            self.fail(where, f"unknown slot {match.group()}; known: {', '.join(sorted(spec.slots))}")
        kind = spec.slots[slot].kind
        if agreeing is not None and kind == "count":
            plurals = self.pack.plurals
            texts = dict(zip(plurals, agreeing.split("|"), strict=False))
            if len(texts) != 1 + agreeing.count("|") or len(texts) != len(plurals):
                self.fail(where, f"{match.group()}: needs one text each for {', '.join(plurals)}")
            return (lambda slots: texts[self.pack.plural(int(slots[slot]))]), slot
        if form == "money" and kind == "money":
            return (lambda slots: self.pack.money(slots[slot], slots["currency"])), slot
        if (kind, form) not in self.formatters:
            show = self.formatter(kind, form)
            if show is None:
                self.fail(where, f"{match.group()}: no such form for a slot of kind {kind}")
            # Numbers repeat; names do not, and are cached where they are cleaned.
            self.formatters[kind, form] = show if kind == "name" else lru_cache(maxsize=1 << 13)(show)
        show_cached = self.formatters[kind, form]
        return (lambda slots: show_cached(slots[slot])), slot

    def wording(self, where: str, text: Any, type: str, action: str, alone: bool) -> Wording:
        if not isinstance(text, str):
            self.fail(where, "must be text")
        for verb in _VERBS:
            text = text.replace(f"{{{verb}}}", self.data["actions"][action][verb])
        text = text.replace("{also}", "" if alone else self.data["also"])
        literals, renders, needs, end = [], [], set(), 0
        for match in _PLACE.finditer(text):
            render, slot = self.render(where, type, match)
            literals.append(text[end : match.start()])
            renders.append(render)
            needs.add(slot)
            end = match.end()
        literals.append(text[end:])
        if any("{" in literal or "}" in literal for literal in literals):
            self.fail(where, "a brace is out of place")
        return Wording(literals[0], tuple(zip(renders, literals[1:], strict=True)), frozenset(needs))

    def wordings(self, type: str, spec: EvidenceType) -> dict[tuple[str, str, str, str, bool], tuple[Wording, ...]]:
        where = f"wordings.{type}"
        by_role = self.data["wordings"][type]
        self._keys(where, by_role, set(_ROLES), set(_ROLES))
        variants = spec.variants
        actions = ACTIONS if "action" in spec.slots else (NEUTRAL_ACTION,)
        found = {}
        for role in _ROLES:
            if spec.variant:
                self._keys(f"{where}.{role}", by_role[role], set(variants), set(variants))
            for variant in variants:
                key = f"{where}.{role}.{variant}".rstrip(".")
                texts = by_role[role][variant] if variant else by_role[role]
                if not isinstance(texts, list) or not texts:
                    self.fail(key, "must be a list of wordings")
                for action in actions:
                    for alone in (True, False):
                        found[type, variant, role, action, alone] = tuple(
                            self.wording(f"{key}[{i}]", text, type, action, alone) for i, text in enumerate(texts)
                        )
                always = {name for name, slot in spec.slots.items() if not slot.optional}
                if not any(w.needs <= always for w in found[type, variant, role, actions[0], True]):
                    self.fail(key, "needs one wording that uses no optional slot")
        return found

    def frame(self, where: str, text: Any) -> tuple[str, ...]:
        """(before the clause) or (before the title, between title and clause)."""
        match = re.fullmatch(r"([^{}]*)(?:\{title\}([^{}]*))?\{clause\}", text) if isinstance(text, str) else None
        if match is None:
            self.fail(where, "must end in {clause}, with {title} at most once before it")
        before, between = match.groups()
        return (before,) if between is None else (before, between)

    def build(self) -> Templates:
        d = self.data
        frames = {
            role: tuple(self.frame(f"frames.{role}[{i}]", text) for i, text in enumerate(d["frames"][role]))
            for role in _ROLES
        }
        for role in _ROLES:
            if not any(len(frame) == 1 for frame in frames[role]):
                self.fail(f"frames.{role}", "needs one frame without {title}")
        wordings = {}
        for type, spec in EVIDENCE_TYPES.items():
            wordings.update(self.wordings(type, spec))
        marks = {key: d[key] for key in _MARKS}
        return Templates(quotes=self.pack.quotes, frames=frames, wordings=wordings, **marks)


def compile_templates(text: str, source: str, language: str) -> Templates:
    """Templates from the text of a language's YAML file.

    Raises:
        OperatorError: unknown or missing key, unknown slot or form, with the file (`source`) and key named; or the
            language has no pack.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise OperatorError(f"{source}: not YAML: {error}") from None
    return _Compiler(data, source, language).build()
