"""One interface to the products of greatest score: among all, or past some number of products by an approximate index.

An index is built once for each model, by a task, and lies beside the models: `models/<shop>/<model>_index/<version>`,
so that it goes when its model goes. Spark brings the file to each executor once; its Python workers map it.
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

_BLOCK = 2048  # products whose scores are held at once: few enough to stay in the processor's cache


class Search(Protocol):
    """Finds the items of greatest inner product with each user; users [u, d], items [n, d]."""

    @property
    def is_exact(self) -> bool:
        """Whether no item can be missed."""

    def top_k(self, users: AnyFloats, items: AnyFloats, k: int) -> tuple[Ints, AnyFloats]:
        """(indices [u, k], scores [u, k]) by descending score; -1 and -inf where fewer than k items are found."""

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
        file: name of the index, which Spark has brought to the executors.
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
    """An index to be built: the cut-off whose model it is of, and its file's URI."""

    cutoff: date
    uri: str


@dataclass(frozen=True)
class Searches:
    """The search of each cut-off; exact where none is named."""

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
    """What searches each cut-off's products; an index that is not there yet is built, each by one task.

    Args:
        models: row of training.models by cut-off.
        products: how many each model has vectors of.
        vectors: [products, d] of a cut-off's model, asked for on a worker.
        index_from: products from which the search is by an index.
        probes: cells of it that are searched for each user.
    """
    large = {cutoff: row for cutoff, row in models.items() if products[cutoff] >= index_from}
    indexes = [Index(cutoff, index_uri(ctx, row)) for cutoff, row in large.items()]
    missing = list({index.uri: index for index in indexes if not exists(index.uri)}.values())
    spark = ctx.spark.sparkContext
    if missing:
        ctx.log.info("building %s", ", ".join(Path(index.uri).name for index in missing))
        known = store.variables()
        spark.parallelize(missing, len(missing)).foreach(lambda index: _build(index, vectors(index.cutoff), known))
    for index in indexes:
        spark.addFile(index.uri)
    return Searches({index.cutoff: IndexSearch(Path(index.uri).name, probes) for index in indexes})


def index_uri(ctx: JobContext, model: Row) -> str:
    """The file's name says the weights that it was built from: a model fitted anew has another."""
    folder = model_uri(ctx.run.conf.env.warehouse, ctx.shop.name, f"{model['model']}_index", model["version"])
    return f"{folder}/{model['version']}-{model['checksum'][:16]}.{FORM}"


def _build(index: Index, vectors: NDArray[Any], known: Mapping[str, str]) -> None:
    os.environ.update(known)  # an executor's Python has no credentials of its own
    with tempfile.TemporaryDirectory(prefix="reasonrec-index-") as folder:
        path = Path(folder) / "index"
        build_index(vectors, path)
        save_file(path, index.uri)


@cache
def _opened(path: str) -> Any:
    """Once for each Python worker, however many tasks and batches it serves."""
    return read_index(Path(path))
