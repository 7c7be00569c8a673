"""The night of a shop whose users have one event each: nothing to learn from, and lists all the same."""

from __future__ import annotations

import json

import pytest

from jobs.cli.status import status
from libs.query.ask import answer, ask
from tests import thin_shops

from .conftest import Nights


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    root = thin_shops.write(tmp_path_factory.mktemp("one-event"), "one_event")
    nights = Nights(spark, root, tmp_path_factory.mktemp("one-event-night") / "wh")
    nights.run(thin_shops.END, start=thin_shops.START)
    return nights


def test_popular_and_content_lists_are_published_and_what_is_left_out_is_named(shop):
    [(users, rows, models, warnings)] = ask(
        shop.uri, "SELECT users, recommendations, model_versions, warnings FROM current_release"
    ).fetchall()
    assert users == 60 and rows > 0
    assert set(dict(models)) == {"als", "fusion"}
    [warning] = [text for text in warnings if text.startswith("each learned source lists products")]
    assert "two_tower: no user took anything after something else yet" in warning
    fits = dict(ask(shop.uri, "SELECT model, fitted FROM training.models WHERE purpose = 'record'").fetchall())
    assert "left_out" in json.loads(fits["two_tower"])
    assert "two_tower is left out: no user took anything after something else yet" in shop.told.getvalue()
    bare = "SELECT count(*) FROM current_explanations WHERE sentence IS NULL OR NOT grounded"
    assert ask(shop.uri, bare).fetchall() == [(0,)]


def test_status_of_the_shop_fits_a_screen_and_names_the_model_that_is_left_out(shop):
    lines = status(lambda query: answer(shop.uri, query)).splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) < 80
    assert "als, fusion; left out: two_tower" in " ".join(" ".join(lines).split())
