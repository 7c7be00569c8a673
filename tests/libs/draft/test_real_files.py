"""Drafts of real files, where they are beside the project: what kind each is, and what its draft lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from libs.conf.shop import ShopConf
from libs.draft.shop import draft

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"

# files -> (kind by source, whether the draft is a valid shop as it stands)
SHOPS: dict[str, tuple[dict[str, str], bool]] = {
    "online_retail/transactions.parquet": (
        {"transactions": "transactions", "transactions_products": "products"},
        True,
    ),
    "ta_feng/transactions.parquet": ({"transactions": "transactions", "transactions_products": "products"}, True),
    "music_store/reviews.jsonl.gz music_store/products.jsonl.gz": (
        {"reviews": "reviews", "products": "products"},
        True,
    ),
    "hetrec_lastfm/user_artists.dat hetrec_lastfm/user_friends.dat hetrec_lastfm/artists.dat": (
        {"user_artists": "interactions", "user_friends": "social_edges", "artists": "products"},
        True,
    ),
    "xrec_amazon/test.jsonl.gz": ({"test": "interactions", "test_products": "products"}, True),
    "beauty/items.tsv": ({"items": "products"}, False),
    "chinese_reviews/online_shopping_10_cats.parquet": ({"online_shopping_10_cats": "reviews"}, False),
    "home_depot/search_relevance.parquet": ({"search_relevance_products": "products"}, False),
    "creditcard/transactions.parquet": ({}, False),
    "customer_service/intents_train.csv": ({}, False),
}


@pytest.mark.parametrize("files", SHOPS, ids=lambda files: files.split("/")[0])
def test_a_real_file_is_drafted_as_what_it_is(files: str) -> None:
    paths = [DATA / file for file in files.split()]
    if not all(path.exists() for path in paths):
        pytest.skip(f"{paths[0]} is not here")
    kinds, valid = SHOPS[files]
    made = draft(paths, ROOT, "corner")
    shop = yaml.safe_load(made.text)
    assert {name: source["kind"] for name, source in (shop["sources"] or {}).items()} == kinds
    assert made.events == bool({"transactions", "reviews", "interactions"} & set(kinds.values()))
    if valid:
        ShopConf.model_validate({**shop, "name": "corner"})
        assert made.lacks == []
    elif made.events:
        assert any("could not guess" in told for told in made.lacks)
    else:
        assert "# NOT A SHOP YET" in made.text
