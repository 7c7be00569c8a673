"""One interface to the products with the greatest scores: exact search, or an approximate index for large catalogues.

A task builds the index of a model once and stores it beside the models, in `models/<shop>/<model>_index/<version>`, so
that it is deleted together with its model. Spark ships the file to each executor once; Python workers memory-map it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pyspark import SparkFiles
from pyspark.sql import Row

from libs import store
from libs.arrays import AnyFloats, Ints
from libs.job import JobContext
from libs.registry.weights import exists, model_uri, save_file
from libs.retrieval.ann import FORM, build_index, nearest, read_index
from libs.retrieval.topk import top_k

_BLOCK = 2048  # products scored at once: few enough for the processor's cache


class Search(Protocol):
    """Finds the items with the greatest inner product with each user; users [u, d], items [n, d]."""

    @property
    def is_exact(self) -> bool:
        """Whether every item is scored, so that none can be missed."""

    def top_k(self, users: AnyFloats, items: AnyFloats, k: int) -> tuple[Ints, AnyFloats]:
        """(indices [u, k], scores [u, k]) by descending score, padded with -1 and -inf."""

    def greatest(self, users: AnyFloats, items: AnyFloats) -> AnyFloats:
        """The greatest inner product of each user with an item, [u]."""


@dataclass(frozen=True)
class ExactSearch:
    """Scores every item (libs.retrieval.topk)."""

    is_exact = True

    def top_k(self, users: AnyFloats, items: AnyFloats, k: int) -> tuple[Ints, AnyFloats]:
        return top_k(users, items, k)

    def greatest(self, users: AnyFloats, items: AnyFloats) -> AnyFloats:
        best = [(users @ items[start : start + _BLOCK].T).max(axis=1) for start in range(0, len(items), _BLOCK)]
        return np.asarray(np.max(best, axis=0))


@dataclass(frozen=True)
class IndexSearch:
    """Scores the items of the nearest cells of an index (libs.retrieval.ann).

    Attributes:
        file: name of the index file that Spark shipped to the executors.
        probes: cells searched for each user.
    """

    file: str
    probes: int

    is_exact = False

    def top_k(self, users: AnyFloats, items: AnyFloats, k: int) -> tuple[Ints, AnyFloats]:
        return nearest(_opened(SparkFiles.get(self.file)), users, items, k, self.probes)

    def greatest(self, users: AnyFloats, items: AnyFloats) -> AnyFloats:
        return self.top_k(users, items, 1)[1][:, 0]


@dataclass(frozen=True)
class Index:
    """An index: the cut-off of its model, and the URI of its file."""

    cutoff: date
    uri: str


@dataclass(frozen=True)
class Searches:
    """The search of each cut-off; exact by default."""

    by_cutoff: Mapping[date, Search] = field(default_factory=dict)

    def of(self, cutoff: date) -> Search:
        return self.by_cutoff.get(cutoff, ExactSearch())


def searches(
    ctx: JobContext,
    models: Mapping[date, Row],
    products: Mapping[date, int],
    vectors: Callable[[date], NDArray[Any]],
    index_from: int,
    probes: int,
) -> Searches:
    """The search for each cut-off's products; builds missing indexes, one task each.

    Args:
        models: row of training.models by cut-off.
        products: number of products in each model.
        vectors: [products, d] of a cut-off's model; called on a worker.
        index_from: number of products from which an index is used.
        probes: cells of the index searched for each user.
    """
    large = {cutoff: row for cutoff, row in models.items() if products[cutoff] >= index_from}
    indexes = [Index(cutoff, index_uri(ctx, row)) for cutoff, row in large.items()]
    missing = list({index.uri: index for index in indexes if not exists(index.uri)}.values())
    spark = ctx.spark.sparkContext
    if missing:
        ctx.log.info("building %s", ", ".join(Path(index.uri).name for index in missing))
        credentials = store.variables()
        spark.parallelize(missing, len(missing)).foreach(
            lambda index: _build(index, vectors(index.cutoff), credentials)
        )
    for index in indexes:
        spark.addFile(index.uri)
    return Searches({index.cutoff: IndexSearch(Path(index.uri).name, probes) for index in indexes})


def index_uri(ctx: JobContext, model: Row) -> str:
    """The file's name has the checksum of the weights that it was built from: a refitted model gets a new index."""
    folder = model_uri(ctx.run.conf.env.warehouse, ctx.shop.name, f"{model['model']}_index", model["version"])
    return f"{folder}/{model['version']}-{model['checksum'][:16]}.{FORM}"


def _build(index: Index, vectors: NDArray[Any], credentials: Mapping[str, str]) -> None:
    os.environ.update(credentials)  # an executor's Python has no credentials of its own
    with tempfile.TemporaryDirectory(prefix="reasonrec-index-") as folder:
        path = Path(folder) / "index"
        build_index(vectors, path)
        save_file(path, index.uri)


@cache
def _opened(path: str) -> Any:
    """Opened once per Python worker, for all of its tasks and batches."""
    return read_index(Path(path))
