"""Cleans each product's words.

One row of features.product_text is one product as of one cut-off: its title, description, brand and category path as
they may be shown, its words, and the text that is embedded. A product that only events know has its id as title.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from libs.features.as_of import as_of
from libs.features.states import catalogue_tells, newest, price_history, prices_known, told_order
from libs.job import JobContext, constants
from libs.text.clean import clean_text, clean_title, title_key
from libs.text.words import text_hash

_KEY = ("product_id", "title", "description", "brand", "category", "attributes")
_WORDS = (
    "title string, title_key string, description string, brand string, category string, categories array<string>,"
    " attributes map<string,string>, language string, text string, text_hash string"
)


@dataclass(frozen=True)
class Params:
    """What is made of a product's words.

    titles: which of a product's titles counts. `most_told` is the one told by most rows (of equals the newest), because
        till systems note "wet" or "damaged" where a title belongs; `newest` suits a catalogue that renames products.
    text_chars: of the description that are embedded.
    """

    titles: Literal["most_told", "newest"] = "most_told"
    text_chars: int = 300


def rows_by_cutoff(products: DataFrame, days: DataFrame, cutoffs: Iterable[date]) -> DataFrame:
    """Catalogue rows as of the cut-offs, and an empty one for every product that events know."""
    seen = days.groupBy("product_id").agg(F.min(F.greatest("day", "event_day")).alias("day"))
    told = products.select(*_KEY, "day", "event_day", "known_at", "row_id")
    rows = told.unionByName(seen.withColumn("event_day", F.col("day")), allowMissingColumns=True)
    return as_of(rows.repartition("product_id"), cutoffs)


def last_states(rows: DataFrame, titles: str) -> DataFrame:
    """One row per product and cut-off: of each column the newest value; `attributes` as sorted entries."""
    times = F.count("title").over(Window.partitionBy("product_id", "cutoff", "title"))
    rank = F.struct("times", told_order()) if titles == "most_told" else told_order()
    return (
        rows.withColumn("times", times)
        .groupBy("product_id", "cutoff")
        .agg(
            F.max_by("title", F.when(F.col("title").isNotNull(), rank)).alias("title"),
            *[newest(column).alias(column) for column in _KEY[2:]],
        )
        .withColumn("attributes", F.sort_array(F.map_entries("attributes")))
    )


def with_words(states: DataFrame, language: str, text_chars: int) -> DataFrame:
    """Cleaned words beside each state. A state that holds at several cut-offs is cleaned once."""

    @F.udf(returnType=_WORDS, useArrow=True)
    def cleaned(
        product_id: str, title: Any, description: Any, brand: Any, category: Any, attributes: Any
    ) -> dict[str, Any]:
        return words(product_id, title, description, brand, category, attributes, language, text_chars)

    return (
        states.groupBy(*_KEY)
        .agg(F.collect_list("cutoff").alias("cutoffs"))
        .withColumn("words", cleaned(*_KEY))
        .select("product_id", "words.*", F.explode("cutoffs").alias("cutoff"))
    )


def words(
    product_id: str,
    title: str | None,
    description: str | None,
    brand: str | None,
    category: str | None,
    attributes: list[Any] | None,
    language: str,
    text_chars: int,
) -> dict[str, Any]:
    """Everything that is read from one product's strangers' text, as a row of `_WORDS`."""
    name, maker, story = clean_title(title), clean_title(brand), clean_text(description)
    levels = [level for level in map(clean_title, (category or "").split(" > ")) if level]
    paths = [" > ".join(levels[: i + 1]) for i in range(len(levels))]
    parts = (name, maker, ", ".join(levels), story[:text_chars])
    text = ". ".join(part for part in parts if part)
    shown = name or clean_title(product_id) or product_id
    return {
        "title": shown,
        "title_key": title_key(shown),
        "description": story or None,
        "brand": maker or None,
        "category": paths[-1] if paths else None,
        "categories": paths,
        "attributes": {clean_text(e["key"]): clean_text(e["value"]) for e in attributes} if attributes else None,
        "language": language if name or story else None,
        "text": text,
        "text_hash": text_hash(text),
    }


def run(ctx: JobContext) -> None:
    params = ctx.params(Params)
    products, days = ctx.read("silver.products"), ctx.read("features.product_days")
    if "products" not in ctx.shop.kinds():
        ctx.log.info("no source of products: titles are product ids")
    states = last_states(rows_by_cutoff(products, days, ctx.run.cutoffs), params.titles)
    prices = prices_known(price_history(products, days, catalogue_tells(ctx.shop, "price")), ctx.run.cutoffs)
    words_of = with_words(states, ctx.shop.text_language, params.text_chars)
    found = words_of.join(prices, ["cutoff", "product_id"], "left")
    ctx.write("features.product_text", found.withColumns(constants(ctx)))
