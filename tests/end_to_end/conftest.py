"""A corner of the sample shop, run for real: the nightly jobs over warehouses of their own, in the shared session."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from jobs.walk import make_plan, walk
from libs.conf import load
from libs.job import Run
from libs.window import Window
from tests import tiny_shop

MONDAY, TUESDAY = "2014-01-06", "2014-01-07"


class Nights:
    """Nights of one shop in one warehouse; `horovod` are settings over conf's.

    One rank: each is a start of TensorFlow. On two are test_two_ranks.py, `make chaos` and the DAG of `.ci/run`.
    """

    horovod: dict[str, object] = {"ranks": 1}  # noqa: RUF012  (replaced, never changed)

    def __init__(self, spark, conf_root: Path, warehouse: Path) -> None:
        self.spark, self.root, self.warehouse = spark, conf_root, warehouse
        self.told = io.StringIO()  # every log line of its nights

    def run(self, end: str, start: str = "1998-01-01", train: bool = False, job: str = "daily") -> Run:
        conf = load(self.root, "test", "corner")
        window = Window(date.fromisoformat(start), date.fromisoformat(end))
        handler = logging.StreamHandler(self.told)
        logging.getLogger().addHandler(handler)
        logger = logging.getLogger("reasonrec")
        logger.propagate = True
        logger.setLevel(logging.INFO)
        try:
            plan = make_plan(self.spark, self.conf(conf), job, window, train)
            return walk(self.spark, plan, {"pseudonym_key": "0" * 64})
        finally:
            logging.getLogger().removeHandler(handler)

    def conf(self, loaded=None):
        loaded = loaded or load(self.root, "test", "corner")
        horovod = loaded.env.horovod.model_copy(update=self.horovod)
        env = loaded.env.model_copy(update={"warehouse": self.warehouse.as_uri(), "horovod": horovod})
        return type(loaded)(loaded.root, env, loaded.shop, loaded.params)

    @property
    def uri(self) -> str:
        return self.warehouse.as_uri()


@pytest.fixture(scope="session")
def corner(tmp_path_factory) -> Callable[..., Path]:
    """Writes a conf whose shop `corner` is every eighth product of the sample, with rows added; gives its root."""

    def write(name: str, added: tuple[dict[str, object], ...] = ()) -> Path:
        return tiny_shop.write(tmp_path_factory.mktemp(name), added)

    return write


@pytest.fixture(scope="session")
def nights(spark, corner, tmp_path_factory) -> Callable[..., Nights]:
    """Nights of the corner in a new warehouse: nights("name", added=rows)."""
    return lambda name, **added: Nights(spark, corner(f"{name}-conf", **added), tmp_path_factory.mktemp(name) / "wh")


@pytest.fixture(scope="session")
def forwards(nights):
    """Monday (which trains), then Tuesday."""
    shop = nights("forwards")
    shop.first = shop.run(MONDAY)
    shop.second = shop.run(TUESDAY, start=MONDAY)
    return shop
