"""A real shop small enough for a test: a few products of the sample, reviews of them, and small models."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples" / "music_store"
NAME = "corner"
LATELY = 1325376000  # 2012-01-01
# Small, and enough to run every line: what the figures are worth is not a test's question.
PARAMS = {
    "training.two_tower": {"model": {"dim": 8, "hidden": 8}, "train": {"epochs": 1, "batch_size": 128}},
    "training.als": {"rank": 4, "iterations": 2},
}


def lines(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def sample(every: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Every n-th product of the sample, and reviews of those.

    All by people who wrote several or wrote lately, of whom models and back-test learn, and by each fifth of the rest,
    who cost as much.
    """
    products = lines(SAMPLE / "products.jsonl.gz")[::every]
    ids = {product["asin"] for product in products}
    reviews = [review for review in lines(SAMPLE / "reviews.jsonl.gz") if review["asin"] in ids]
    wrote = Counter(review["reviewerID"] for review in reviews)
    late = {review["reviewerID"] for review in reviews if int(str(review["unixReviewTime"])) >= LATELY}
    rest = sorted(map(str, wrote.keys() - late))[::5]
    kept = late | set(rest) | {writer for writer, count in wrote.items() if count > 1}
    return products, [review for review in reviews if review["reviewerID"] in kept]


def write(
    folder: Path,
    added: Iterable[dict[str, object]] = (),
    every: int = 8,
    params: Mapping[str, dict[str, object]] = MappingProxyType({}),
) -> Path:
    """Writes the shop's files and a conf that has it alone into a folder, with reviews added; gives the conf's root."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("shops"))
    products, reviews = sample(every)
    for file, rows in (("products", products), ("reviews", [*reviews, *added])):
        with gzip.open(folder / f"{file}.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    shop = yaml.safe_load((ROOT / "conf" / "shops" / "music_store.yaml").read_text())
    shop["sources"]["reviews"]["path"] = str(folder / "reviews.jsonl.gz")
    shop["sources"]["catalogue"]["path"] = str(folder / "products.jsonl.gz")
    shop["params"] = {**shop.get("params", {}), **PARAMS, **params}
    (folder / "conf" / "shops").mkdir()
    (folder / "conf" / "shops" / f"{NAME}.yaml").write_text(yaml.safe_dump(shop))
    return folder / "conf"
