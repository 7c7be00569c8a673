"""`conf/shops/<shop>.yaml`: a shop, its sources and how they map onto the contract."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.numbers import is_currency
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from libs.languages.pack import languages
from libs.tables import CONTRACT

# What pandas, R, MySQL, Excel and JSON exports write for a missing value; an empty text is always one.
NULL_WORDS = ("NULL", r"\N", "NaN", "None", "N/A")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_DELIMITERS = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def _expression(value: Any) -> Any:
    if value is None or value == "":
        raise ValueError("is empty; write an SQL expression, or take the line out")
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text to YAML; put the SQL expression in quotes")
    return value


Expression = Annotated[str, BeforeValidator(_expression)]


class SourceConf(_Strict):
    """One source of a shop: where its files are and how their columns map onto the contract.

    `columns`, `attributes`, `sensitive` and `exclude` hold Spark SQL expressions over the source's own columns.
    An expression sees one row and nothing else; where it raises an error, its value is missing in that row alone.
    `delimiter`, `quote` and `escape` are for CSV; a quote inside quotes is doubled unless `escape` names another sign.
    `header` names the columns of CSV files that have no header line.
    `multiline` changes nothing: line breaks in quotes are always read as text.
    `null_values` are texts that mean a missing id, number or time, in any case; so do an empty text and blanks.
    `optional` names contract columns whose source columns a file may lack; for others that is an error.
    `join` puts this between the elements of an array where the contract needs text.
    `empty_day: allowed` says that a day's file without rows is a day on which nothing happened.
    `directed` is for social_edges that point one way (trust, following): they are no friendships.
    """

    kind: str
    path: str
    format: Literal["csv", "jsonl", "parquet", "delta"]
    columns: dict[str, Expression]
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    multiline: bool = False
    null_values: tuple[str, ...] = NULL_WORDS
    optional: tuple[str, ...] = ()
    join: str | None = None
    empty_day: Literal["refused", "allowed"] = "refused"
    directed: bool = False
    where: Expression | None = None
    attributes: dict[str, Expression] = {}
    sensitive: dict[str, Expression] = {}
    exclude: dict[str, Expression] = {}

    @property
    def daily(self) -> bool:
        """One delivery a day, named by `{date}` in the path."""
        return "{date}" in self.path

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in CONTRACT:
            raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(CONTRACT)}")
        return kind

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, text: str) -> str:
        sign = _DELIMITERS.get(text.lower(), text)
        if not sign or len(sign) > 8 or re.search(r"[\w\r\n\"']", sign):
            raise ValueError(f"{text!r} is no delimiter; write the sign itself, or one of {', '.join(_DELIMITERS)}")
        return sign

    @field_validator("quote", "escape")
    @classmethod
    def _one_sign(cls, text: str) -> str:
        if len(text) != 1 or text.isalnum() or text.isspace():
            raise ValueError(f'{text!r} is not one sign, as " or \\')
        return text

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            "".encode(name)  # codecs.lookup alone would take those that map no text to bytes, as rot13
        except LookupError:
            raise ValueError(f"unknown encoding {name!r}; write it as utf-8, utf-16, cp1252 or gbk") from None
        return name

    @model_validator(mode="after")
    def _mapped(self) -> SourceConf:
        contract = CONTRACT[self.kind]
        for column in self.columns:
            if column not in contract.types:
                raise ValueError(
                    f"columns.{column}: {self.kind} has no such column; it has {', '.join(contract.types)}"
                    " (what has no place there may ride in `attributes`)"
                )
        for column in self.optional:
            if column not in self.columns or column in contract.required:
                raise ValueError(f"optional: {column} is not a mapped column that rows may lack")
        missing = [column for column in contract.required if column not in self.columns]
        if missing:
            raise ValueError(f"columns: {self.kind} needs {', '.join(missing)}")
        for extra in ("attributes", "sensitive"):
            if getattr(self, extra) and extra not in contract.types:
                raise ValueError(f"{extra}: {self.kind} has no place for it")
        if self.directed and self.kind != "social_edges":
            raise ValueError(f"directed: only social_edges point from one user to another, not {self.kind}")
        return self


class EvaluationConf(_Strict):
    """Back-test: `windows` windows of `horizon_days` before each training day; `gate` is the target that counts.

    `max_users` known users are looked at in each window, chosen by a hash: some thousands settle seven weights and give
    narrow intervals. Their lists come to the driver, and nobody else's are made for a window.
    """

    horizon_days: int = Field(default=28, ge=1)
    windows: int = Field(default=1, ge=1)
    max_users: int = Field(default=5000, ge=1)
    gate: Literal["all", "first"] = "all"


class PrivacyConf(_Strict):
    """`min_people`: fewest other people that a statement about others may speak of (k-anonymity)."""

    min_people: int = Field(default=5, ge=2)


class ShopConf(_Strict):
    """A shop.

    `action` is the kind of event by which its users acquire a product. Reviews have a sign: from `likes_from` stars
    they are praise and a liking, up to `dislikes_to` a dislike; what lies between is a liking where `neutral_counts`.
    """

    name: str
    timezone: str = "UTC"
    languages: tuple[str, ...] = ("en",)
    text_language: str = "en"
    currency: str = "USD"
    action: Literal["purchase", "review", "play", "view"] = "purchase"
    repurchasable: bool = True
    likes_from: float = 4.0
    dislikes_to: float = 2.0
    neutral_counts: bool = True
    closed_weekdays: tuple[int, ...] = ()
    closed_days: tuple[date, ...] = ()
    publish_by: time | None = None
    partition: Literal["month", "year"] = "month"
    max_quarantine_share: float = Field(default=0.01, ge=0, le=1)
    blocklist: tuple[str, ...] = ()
    privacy: PrivacyConf = PrivacyConf()
    evaluation: EvaluationConf = EvaluationConf()
    params: dict[str, dict[str, Any]] = {}
    sources: dict[str, SourceConf]

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"unknown time zone {zone!r}; write it as in Europe/London") from None
        return zone

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        if not is_currency(code):
            example = code.upper() if is_currency(code.upper()) else "it as USD or EUR"
            raise ValueError(f"{code!r} is not an ISO 4217 code; write {example}")
        return code

    @field_validator("languages", "text_language")
    @classmethod
    def _has_pack(cls, named: Any) -> Any:
        for language in (named,) if isinstance(named, str) else named:
            if language not in languages():
                raise ValueError(f"no language {language!r}; there are {', '.join(languages())}")
        return named

    @field_validator("publish_by", mode="before")
    @classmethod
    def _clock(cls, told: Any) -> Any:
        if isinstance(told, int):  # YAML reads 10:30 as a number of base 60
            raise ValueError("write it in quotes, as '06:00'")
        return told

    @model_validator(mode="after")
    def _tells_events(self) -> ShopConf:
        if not {source.kind for source in self.sources.values()} & {"transactions", "reviews", "interactions"}:
            raise ValueError("sources: at least one of transactions, reviews, interactions is needed")
        return self

    @model_validator(mode="after")
    def _signs_apart(self) -> ShopConf:
        if self.likes_from <= self.dislikes_to:
            raise ValueError(f"likes_from: {self.likes_from} stars must be more than dislikes_to, {self.dislikes_to}")
        return self

    @property
    def acquiring_kinds(self) -> tuple[str, ...]:
        """Kinds of event by which a user acquires a product: what verbs, counts and owned products rest on."""
        return (self.action,)

    @property
    def acting_kinds(self) -> tuple[str, ...]:
        """Kinds of event that tell what a user likes: the acquiring ones, purchases and reviews."""
        return tuple(sorted({"purchase", "review", *self.acquiring_kinds}))

    def is_open(self, day: date) -> bool:
        """Whether the shop trades on a business day."""
        return day.weekday() not in self.closed_weekdays and day not in self.closed_days

    def kinds(self) -> set[str]:
        return {source.kind for source in self.sources.values()}
