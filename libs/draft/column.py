"""A column of a sampled file: its values, and what they look like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from libs.conf.shop import NULL_WORDS

Type = Literal["text", "int", "float", "bool", "date", "timestamp", "list", "struct"]

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that begin an expression of their own.
_KEYWORDS = frozenset(["case", "cast", "exists", "false", "interval", "not", "null", "true"])
_NULLS = frozenset(["", *(word.lower() for word in NULL_WORDS)])
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Column:
    """A column as the ingest will see it: CSV holds texts only, JSON numbers come as text, parquet has types.

    Attributes:
        path: the name; several for a field inside an object.
        values: the sampled values, None where there is none.
        exact: the file's own types are kept when the mapping runs (parquet).
    """

    path: tuple[str, ...]
    type: Type
    values: tuple[Any, ...]
    exact: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def sql(self) -> str:
        """The column in a Spark SQL expression."""
        return ".".join(quoted(part) for part in self.path)

    @cached_property
    def texts(self) -> list[str]:
        """The values that are there, as text; words that mean a missing value are left out."""
        texts = (str(value).strip() for value in self.values if value is not None)
        return [text for text in texts if text.lower() not in _NULLS]

    @cached_property
    def filled(self) -> float:
        """Share of rows with a value."""
        return len(self.texts) / max(1, len(self.values))

    @cached_property
    def distinct(self) -> set[str]:
        return set(self.texts)

    @property
    def unique(self) -> bool:
        """Whether each row has a value of its own."""
        return len(self.texts) > 1 and len(self.distinct) >= 0.999 * len(self.values)

    @cached_property
    def numbers(self) -> list[float]:
        """The values as numbers, if nearly all are plain numbers; else empty."""
        numbers = [float(text) for text in self.texts if _NUMBER.fullmatch(text)]
        return numbers if self.texts and len(numbers) >= 0.95 * len(self.texts) else []

    @cached_property
    def whole(self) -> bool:
        """Whether the values are whole numbers (17850.0 is one)."""
        return bool(self.numbers) and all(number == int(number) for number in self.numbers if abs(number) < 1e300)

    @cached_property
    def length(self) -> float:
        """Mean number of characters."""
        return sum(map(len, self.texts)) / max(1, len(self.texts))

    @cached_property
    def spaced(self) -> float:
        """Share of values that hold several words, or are long and Chinese."""
        words = sum(" " in text or (len(text) > 5 and text[0] >= "\u3400") for text in self.texts)
        return words / max(1, len(self.texts))

    @property
    def scalar(self) -> bool:
        return self.type not in ("list", "struct")

    def matching(self, pattern: str) -> float:
        """Share of the values that a pattern matches as a whole."""
        compiled = re.compile(pattern)
        return sum(compiled.fullmatch(text) is not None for text in self.texts) / max(1, len(self.texts))


def quoted(name: str) -> str:
    """A name in Spark SQL: in backquotes unless it is a plain word."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text in Spark SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
