"""Nights of shops with too little of something: each publishes a release, with the lists that can be made."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from libs.query.ask import ask
from tests import thin_shops
from tests.end_to_end.conftest import Nights

# Without lists: nobody is known; the only product is owned by all, and the shop sells nobody the same twice.
EMPTY = {"guests", "one_product"}


@pytest.mark.fault("shops too thin to learn from")
@pytest.mark.parametrize("name", sorted(thin_shops.SHOPS.keys() - {"one_event"}))  # end_to_end/test_thin_shop.py
def test_a_thin_shop_gets_its_night(spark: SparkSession, tmp_path: Path, name: str) -> None:
    nights = Nights(spark, thin_shops.write(tmp_path, name), tmp_path / "wh")
    nights.run(thin_shops.END, start=thin_shops.START)
    [(users, rows, warnings)] = ask(
        nights.uri, "SELECT users, recommendations, warnings FROM current_release"
    ).fetchall()
    assert (users == 0) is (name in EMPTY)
    assert (rows == 0) is (name in EMPTY)
    if name in EMPTY:
        assert any("no known user has a candidate" in warning for warning in warnings)
