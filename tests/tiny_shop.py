"""A real shop small enough for a test: every eighth product of the sample, its reviews, and small models."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples" / "music_store"
NAME = "corner"
# Small, and enough to run every line: what the figures are worth is not a test's question.
PARAMS = {
    "training.two_tower": {"model": {"dim": 8, "hidden": 8}, "train": {"epochs": 1, "batch_size": 128}},
    "training.als": {"rank": 4, "iterations": 2},
}


def lines(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def write(folder: Path, added: tuple[dict[str, object], ...] = ()) -> Path:
    """Writes the shop's files and a conf that has it alone into a folder, with reviews added; gives the conf's root."""
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("shops"))
    products = lines(SAMPLE / "products.jsonl.gz")[::8]
    ids = {product["asin"] for product in products}
    reviews = [review for review in lines(SAMPLE / "reviews.jsonl.gz") if review["asin"] in ids] + list(added)
    for file, rows in (("products", products), ("reviews", reviews)):
        with gzip.open(folder / f"{file}.jsonl.gz", "wt") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    shop = yaml.safe_load((ROOT / "conf" / "shops" / "music_store.yaml").read_text())
    shop["sources"]["reviews"]["path"] = str(folder / "reviews.jsonl.gz")
    shop["sources"]["catalogue"]["path"] = str(folder / "products.jsonl.gz")
    shop["params"] = {**shop.get("params", {}), **PARAMS}
    (folder / "conf" / "shops").mkdir()
    (folder / "conf" / "shops" / f"{NAME}.yaml").write_text(yaml.safe_dump(shop))
    return folder / "conf"
