"""A corner of the sample shop, run for real: the nightly jobs over warehouses of their own, in the shared session."""

from __future__ import annotations

import gzip
import io
import json
import logging
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from jobs.walk import make_plan, walk
from libs.conf import load
from libs.job import Run
from libs.window import Window

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "music_store"
MONDAY, TUESDAY = "2014-01-06", "2014-01-07"
# Small, and enough to run every line: what the figures are worth is not a test's question.
PARAMS = {
    "training.two_tower": {"model": {"dim": 8, "hidden": 8}, "train": {"epochs": 1, "batch_size": 128}},
    "training.als": {"rank": 4, "iterations": 2},
}


def lines(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


class Nights:
    """Nights of one shop in one warehouse."""

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
        env = loaded.env.model_copy(update={"warehouse": self.warehouse.as_uri()})
        return type(loaded)(loaded.root, env, loaded.shop, loaded.params)

    @property
    def uri(self) -> str:
        return self.warehouse.as_uri()


@pytest.fixture(scope="session")
def corner(tmp_path_factory) -> Callable[..., Path]:
    """Writes a conf whose shop `corner` is every eighth product of the sample, with rows added; gives its root."""

    def write(name: str, added: tuple[dict[str, object], ...] = ()) -> Path:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("shops"))
        products = lines(SAMPLE / "products.jsonl.gz")[::8]
        ids = {product["asin"] for product in products}
        reviews = lines(SAMPLE / "reviews.jsonl.gz")
        kept = [review for review in reviews if review["asin"] in ids] + list(added)
        for file, rows in (("products", products), ("reviews", kept)):
            with gzip.open(folder / f"{file}.jsonl.gz", "wt") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)
        shop = yaml.safe_load((ROOT / "conf" / "shops" / "music_store.yaml").read_text())
        shop["sources"]["reviews"]["path"] = str(folder / "reviews.jsonl.gz")
        shop["sources"]["catalogue"]["path"] = str(folder / "products.jsonl.gz")
        shop["params"] = {**shop.get("params", {}), **PARAMS}
        (folder / "conf" / "shops").mkdir()
        (folder / "conf" / "shops" / "corner.yaml").write_text(yaml.safe_dump(shop))
        return folder / "conf"

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
