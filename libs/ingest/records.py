"""Records of one CSV or JSON file from its lines, where a record may take several lines or a line hold several.

A text of strangers may hold line breaks and lines that look like rows. Only the quotes say where a record ends. So the
grammar is strict (RFC 4180; https://www.rfc-editor.org/rfc/rfc4180): a closing quote is followed by a delimiter or the
line's end, and a quote inside quotes is doubled or escaped. A record that breaks it is bad by itself: reading goes on
at the next line, so that a quote that is never closed costs one row and not the rest of the file.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property

# Longer records are bad: without a bound, a quote that is never closed would take in the whole file.
MOST_CHARS = 1_000_000

_STRING = r'"(?:[^"\\]++|\\[\s\S])*+"'
_FLAT = rf'(?:[^{{}}\[\]"]++|{_STRING})*+'
_NESTED = _FLAT
for _ in range(4):
    _NESTED = rf'(?:[^{{}}\[\]"]++|{_STRING}|\{{{_NESTED}\}}|\[{_NESTED}\])*+'
# A line that is one JSON object, nested at most five deep; Java and Python both read this pattern.
JSON_RECORD = rf"\s*+\{{{_NESTED}\}}\s*+"
_JSON_RECORD = re.compile(JSON_RECORD)
_JSON_TOKEN = re.compile(rf'{_STRING}|["{{}}\[\]]')
_BETWEEN_OBJECTS = re.compile(r"[\s,\[\]]*")


class CsvGrammar:
    """How the fields of a CSV file are parted and quoted.

    Attributes:
        sep, field, record: patterns of the delimiter, of a field, and of a line that is a record by itself, for Java
            and Python.
    """

    def __init__(self, delimiter: str, quote: str = '"', escape: str = '"') -> None:
        self.delimiter, self.quote, self.escape = delimiter, quote, escape
        sep, q, e = (re.escape(sign) for sign in (delimiter, quote, escape))
        blank = "".join(sign for sign in " \t" if sign not in delimiter)
        blanks = f"[{blank}]*+"
        other = f"[^{sep}{{}}\\r\\n]++" if len(delimiter) == 1 else f"(?:(?!{sep})[^{{}}\\r\\n])++"
        if escape == quote:
            self._inside = f"(?:[^{q}]++|{q}{q})*+"
            unquoted = other.format("")
        else:
            self._inside = rf"(?:[^{q}{e}]++|{e}[\s\S]|{q}{q})*+"
            unquoted = rf"(?:{other.format(e)}|{e}[\s\S])*+"
        self._open = f"{blanks}{q}{self._inside}"
        self._close = f"{q}{blanks}"
        self.field = f"(?:{self._open}{self._close}|(?!{blanks}{q})(?:{unquoted})?+)"
        self.sep = sep
        self.record = f"{self.field}(?:{sep}{self.field})*+"

    @cached_property
    def first(self) -> re.Pattern[str]:
        """A record's first line: group `open` if it ends inside quotes."""
        field, sep = self.field, self.sep
        return re.compile(rf"(?:{field}{sep})*+(?:{field}|(?P<open>{self._open}))")

    @cached_property
    def next(self) -> re.Pattern[str]:
        """A further line of a record that ended inside quotes: group `open` if it does so too."""
        field, sep, inside, close = self.field, self.sep, self._inside, self._close
        reopened = f"{close}(?:{sep}{field})*+{sep}{self._open}"
        return re.compile(rf"(?P<open>{inside}|{inside}{reopened})|{inside}{close}(?:{sep}{field})*+")

    def fields(self, record: str) -> list[str]:
        """The values of a good record's fields, without blanks around them."""
        return [self._value(text) for text in self._parts(record)]

    def _parts(self, record: str) -> list[str]:
        pattern = re.compile(rf"({self.field})(?:{self.sep}|\Z)")
        parts, at = [], 0
        while match := pattern.match(record, at):
            parts.append(match[1])
            if match.end(1) == len(record):
                break
            at = match.end()
        return parts

    def _value(self, text: str) -> str:
        text, q = text.strip(" \t"), self.quote
        if text.startswith(q):
            text = text[1:-1].replace(q * 2, q)
        if self.escape == q:
            return text
        # As MySQL writes them; \N, which means null, stays as it is.
        signs = {"n": "\n", "t": "\t", "r": "\r", "0": "", "N": r"\N"}
        return re.sub(re.escape(self.escape) + r"([\s\S])", lambda m: signs.get(m[1], m[1]), text)

    def rewritten(self, record: str) -> str:
        """A good record with another escape, as one whose quotes are doubled."""
        q = self.quote
        return self.delimiter.join(q + value.replace(q, q * 2) + q if value else "" for value in self.fields(record))


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return self._back.popleft() if self._back else next(self._lines)

    def give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))


def csv_records(lines: Iterable[str], grammar: CsvGrammar, fields: int | None = None) -> Iterator[tuple[str, bool]]:
    """(record, whether it is bad) for each record of a file; empty lines and lines of spaces between records are none.

    A record of several lines must have as many fields as the header, or its first line is bad by itself.

    Args:
        lines: without line ends.
        fields: of the header; None takes records of any number.
    """
    source = _Lines(_continued(lines, grammar.escape) if grammar.escape != grammar.quote else lines)
    for line in source:
        if not line.strip(" "):
            continue
        match = grammar.first.fullmatch(line)
        taken, chars = [line], len(line)
        while match and match["open"] is not None and chars <= MOST_CHARS:
            following = next(source, None)
            if following is None:
                break
            taken.append(following)
            chars += len(following)
            match = grammar.next.fullmatch(following)
        record = "\n".join(taken)
        good = match is not None and match["open"] is None and chars <= MOST_CHARS
        if good and len(taken) > 1 and fields is not None:
            values = grammar.fields(record)
            good = len(values) >= fields and not any(values[fields:])
        if good:
            yield record, False
        else:
            source.give_back(taken[1:])
            yield line, True


def _continued(lines: Iterable[str], escape: str) -> Iterator[str]:
    """Lines of a file where an escaped line break goes on in the next line."""
    begun = ""
    for line in lines:
        text = begun + line
        if (len(text) - len(text.rstrip(escape))) % 2 and len(text) <= MOST_CHARS:
            begun = text + "\n"
        else:
            yield text
            begun = ""
    if begun:
        yield begun[:-1]


def json_records(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """(record, whether it is bad) for each object of a file: by lines, in an array, one after another or over lines.

    A line that holds anything but objects, commas and brackets is one bad record. Whether an object is valid JSON is
    left to the parser.
    """
    source = _Lines(lines)
    for line in source:
        if not line.strip():
            continue
        if _JSON_RECORD.fullmatch(line):
            yield line, False
            continue
        taken, chars, depth = [line], len(line), _depth(line, 0)
        while depth and chars <= MOST_CHARS:
            following = next(source, None)
            if following is None:
                break
            taken.append(following)
            chars += len(following)
            depth = _depth(following, depth)
        objects = _objects("\n".join(taken)) if depth == 0 else None
        if objects is None:
            source.give_back(taken[1:])
            yield line, True
        else:
            yield from ((text, False) for text in objects)


def _depth(line: str, depth: int) -> int | None:
    """How many brackets are open after a line that `depth` stood before; None if it ends inside a string.

    Brackets around objects do not count: each element of an array is a record.
    """
    for sign in _JSON_TOKEN.findall(line):
        if sign == '"':
            return None
        if sign == "{" or (sign == "[" and depth):
            depth += 1
        elif sign == "}" or (sign == "]" and depth):
            depth -= 1
        if depth < 0:
            return None
    return depth


def _objects(text: str) -> list[str] | None:
    """The objects of a text that holds nothing else but commas and brackets of an array; None for any other text."""
    objects: list[str] = []
    at = 0
    while True:
        at = _BETWEEN_OBJECTS.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            return objects
        if text[at] != "{":
            return None
        depth = 0
        for sign in _JSON_TOKEN.finditer(text, at):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(sign[0], 0)
            if depth == 0:
                objects.append(text[at : sign.end()])
                at = sign.end()
                break
        else:
            return None
