"""Vectorised functions over text of strangers, on the workers."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from libs.text import clean
from libs.text.clean import BLANKS, MARKS, clean_text, to_utf8

_ASCII_BLANKS = " \t\n\v\f\r"
_ASCII = r"^[\x00-\x7f]*$"


def as_utf8(text: Column, encoding: str = "utf-8") -> Column:
    """A string column whose bytes may be of any encoding, as valid UTF-8.

    Bytes that are not valid in `encoding` are read as what they most likely are (libs.text.clean.to_utf8): one row in a
    foreign encoding neither stops a delivery nor loses its words. Only such rows go through Python.
    """
    plain = F.is_valid_utf8(text) if encoding == "utf-8" else text.rlike(_ASCII)

    def decode(raw: pd.Series) -> pd.Series:
        return raw.map(lambda value: decoded(value, encoding), na_action="ignore")

    foreign = F.when(~plain, text.cast("binary"))
    return F.when(plain, text).otherwise(F.pandas_udf(decode, "string")(foreign))


def decoded(raw: bytes, encoding: str) -> str:
    """Bytes in `encoding`, or in what they most likely are if they are not valid in it."""
    try:
        return to_utf8(bytes(raw).decode(encoding))
    except UnicodeDecodeError:
        return to_utf8(bytes(raw))


def clean_id(text: Column) -> Column:
    """libs.text.clean.clean_id of a valid UTF-8 string column. Only values that are not ASCII go through Python."""
    plain = F.length(text) == F.octet_length(text)  # cheaper than a pattern

    def strip(raw: pd.Series) -> pd.Series:
        # Most batches hold null alone. An id is on many rows: clean each once a batch.
        return raw.map({text: clean.clean_id(text) for text in raw.dropna().unique()}) if raw.notna().any() else raw

    foreign = F.when(~plain, text)
    return F.when(plain, F.trim(text, F.lit(_ASCII_BLANKS))).otherwise(F.pandas_udf(strip, "string")(foreign))


def trimmed(text: Column) -> Column:
    """A string column without blanks of any kind and invisible marks at its ends."""
    return F.trim(text, F.lit(BLANKS + MARKS))


def without_null_words(text: Column, words: Iterable[str]) -> Column:
    """A trimmed text; null for an empty one, an empty JSON array or object, and one of the words in any case.

    Spark gives the NaN that Python writes into JSON with quotes around it.
    """
    missing = {"", "[]", "{}", *(word.strip(BLANKS).lower() for word in words)}
    return F.when(~F.lower(F.trim(text, F.lit('"'))).isin(*sorted(missing)), text)


def cleaned(text: Column) -> Column:
    """libs.text.clean.clean_text; null where nothing is left."""

    def clean(raw: pd.Series) -> pd.Series:
        # A title comes on many rows: clean each once a batch.
        return raw.map({text: clean_text(text) or None for text in raw.dropna().unique()})

    return F.pandas_udf(clean, "string")(text)
