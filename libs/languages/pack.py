"""All that a language needs, behind one class: `pack("en")`.

A language is one module of this package, named by its ISO 639 code, that holds a `PACK`, and the folder
conf/languages/<code> with its sentences. Numbers and plurals come from CLDR (Babel).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import ClassVar, cast

from babel import Locale
from babel.numbers import format_decimal

import libs.languages
from libs.errors import OperatorError
from libs.languages.lexicon import Lexicon
from libs.text.words import words

_CODE = re.compile(r"[a-z]{2,3}")
_CATEGORIES = ("zero", "one", "two", "few", "many", "other")  # of plurals, in CLDR's order


class Pack(ABC):
    """One language. A subclass sets the attributes, and overrides what its grammar does in another way.

    Attributes:
        code: ISO 639 code, also the name of Babel's locale.
        quotes: the marks before and after a name; `libs.explain.names` takes both out of the name itself.
        spaced: whether spaces part words.
        lexicon: how the grounding check reads the language. It must not be made from the templates that it checks.
        currencies: ISO 4217 code -> how an amount {n} is shown; "other" shows {code} too.
        name_forms: what a template may put before a name, by the form's name: "a" gives the article in English.
    """

    code: ClassVar[str]
    quotes: ClassVar[tuple[str, str]]
    spaced: ClassVar[bool] = True
    lexicon: ClassVar[Lexicon]
    currencies: ClassVar[Mapping[str, str]]
    name_forms: ClassVar[Mapping[str, Callable[[str], str]]] = {}

    def __init__(self) -> None:
        self.locale = Locale.parse(self.code)

    @property
    def plurals(self) -> tuple[str, ...]:
        """The plural categories of whole numbers: ("one", "other") in English."""
        return tuple(name for name in _CATEGORIES if name == "other" or name in self.locale.plural_form.tags)

    def plural(self, n: int) -> str:
        """The plural category of n."""
        return str(self.locale.plural_form(n))

    def digits(self, raw: str) -> str:
        """A decimal without trailing zeros, grouped: "1204.50" -> "1,204.5" in English."""
        return self._shown(Decimal(raw), "#,##0.#")

    def number(self, n: int) -> str:
        """A count as it stands in running text: digits, unless the language writes small numbers in words."""
        return self.digits(str(n))

    @abstractmethod
    def ordinal(self, n: int) -> str:
        """A rank: "third" in English."""

    def money(self, raw: str, code: str) -> str:
        """An amount with its currency: no decimals where it is whole, else two."""
        amount = Decimal(raw)
        number = self._shown(amount, "#,##0" if amount == amount.to_integral() else "#,##0.00")
        form = self.currencies.get(code) or self.currencies["other"]
        return form.replace("{n}", number).replace("{code}", code)

    def phrase(self, marks: list[str], noun: str) -> str:
        """A noun with what marks it: (["lapsed", "critical"], "buyers") -> "lapsed, critical buyers"."""
        return f"{', '.join(marks)} {noun}"

    def searchable(self, text: str) -> str:
        """Text as words are looked up in it: folded, words parted by single spaces where the language parts them."""
        return " ".join(words(text)) if self.spaced else "".join(text.casefold().split())

    def _shown(self, number: Decimal, pattern: str) -> str:
        text = format_decimal(number, pattern, self.locale, decimal_quantization=False)
        return " ".join(text.split())  # CLDR groups by no-break spaces, which the grounding check refuses as invisible


def languages() -> list[str]:
    """The codes of all languages that have a pack."""
    return sorted(
        module.name for module in pkgutil.iter_modules(libs.languages.__path__) if _CODE.fullmatch(module.name)
    )


@cache
def pack(language: str) -> Pack:
    """The pack of a language.

    Raises:
        OperatorError: the language has none.
    """
    if language not in languages():
        raise OperatorError(f"no language {language!r}: there are {', '.join(languages())}")
    return cast(Pack, importlib.import_module(f"libs.languages.{language}").PACK)
