"""The product side of the two-tower network, as arrays by the model's ids: bounded by the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from libs.models.score import log_share, log_trend
from libs.models.two_tower_inputs import Catalogue

ATTRIBUTES = 8  # slots for brand, category levels and price band
_VECTOR = 384


def catalogues(
    profiles: DataFrame, examples: DataFrame, popular: DataFrame, products: Mapping[date, pa.Array]
) -> Iterator[tuple[date, Catalogue]]:
    """(cut-off, its product side), of each cut-off that has examples; one is held at a time.

    Args:
        profiles: features.product_profile at the cut-offs.
        examples: training.two_tower_examples.
        popular: rows of libs.retrieval.candidates.popularity at the cut-offs.
        products: product ids by cut-off, in the order of the ids 1.. .
    """
    targets = (
        examples.groupBy("cutoff", F.col("target").alias("id"))
        .agg(F.count("*").alias("n"), F.sum("weight").alias("weight"))
        .toArrow()
    )
    recent = popular.toArrow()
    level = F.slice(F.concat(F.array("brand", "price_band"), "categories"), 1, ATTRIBUTES)
    sides = profiles.select("cutoff", "product_id", level.alias("attributes"), "vector")
    for day, ids in products.items():
        own = _of(targets, day)
        if not own.num_rows:
            continue
        counts, weights = np.zeros(len(ids) + 1), np.zeros(len(ids) + 1)
        counts[own["id"].to_numpy()] = own["n"].to_numpy()
        weights[own["id"].to_numpy()] = own["weight"].to_numpy()
        # A cut-off at a time: vectors are most of what comes here.
        side, demand = sides.where(F.col("cutoff") == F.lit(day)).toArrow(), _of(recent, day)
        late = np.zeros(len(ids) + 1)
        late[_number(demand["product_id"], ids)] = demand["points"].to_numpy() / 1_000_000
        place = _number(side["product_id"], ids)
        text = np.zeros((len(ids) + 1, _VECTOR), np.float32)
        vectors = side["vector"].combine_chunks()
        text[place[vectors.is_valid().to_numpy(zero_copy_only=False)]] = (
            vectors.flatten().to_numpy().reshape(-1, _VECTOR)
        )
        attributes = np.zeros((len(ids) + 1, ATTRIBUTES), np.int32)
        attributes[place] = _attribute_ids(side["attributes"].to_pylist())
        yield day, Catalogue(attributes, text, log_share(counts), log_trend(late, weights))


def _of(rows: pa.Table, day: date) -> pa.Table:
    return rows.filter(pc.equal(rows["cutoff"], pa.scalar(day)))


def _number(names: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int64]:
    """Ids of product names; 0, the padding, for one outside the vocabulary."""
    place = pc.index_in(names.combine_chunks(), ids).fill_null(-1).to_numpy(zero_copy_only=False)
    found: NDArray[np.int64] = place.astype(np.int64) + 1
    return found


def _attribute_ids(rows: list[list[Any]]) -> NDArray[np.int32]:
    """Numbers 1.. in order of (slot kind, value): a brand and a category of one name stay apart."""
    kinds = ("brand", "price_band")
    named = [[(kinds[i] if i < 2 else "category", v) for i, v in enumerate(row) if v is not None] for row in rows]
    number = {name: n for n, name in enumerate(sorted({name for row in named for name in row}), 1)}
    out = np.zeros((len(rows), ATTRIBUTES), np.int32)
    for r, row in enumerate(named):
        out[r, : len(row)] = [number[name] for name in row]
    return out
