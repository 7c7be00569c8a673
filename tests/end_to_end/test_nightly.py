"""The nightly run on a corner of the sample shop: what it publishes, and that it does so again, in any order."""

import json
from datetime import UTC, date, datetime

import pytest
from pyspark.sql import functions as F

from jobs.catalog import group_of, select
from libs.errors import OperatorError
from libs.query.ask import ask
from libs.query.checksum import checksum, checksums, compare
from libs.query.spark_sql import ask as ask_spark
from libs.query.why import why
from libs.spark import delta
from libs.tables import VIEWS, table

from .conftest import MONDAY, TUESDAY


@pytest.fixture(scope="module")
def backwards(nights):
    """Tuesday first, group by group (its training day is the Monday before), then Monday: a backfill never trains."""
    shop = nights("backwards")
    for group in dict.fromkeys(group_of(job.name) for job in select("daily")):
        shop.run(TUESDAY, job=group)
    shop.run(MONDAY)
    return shop


@pytest.fixture(scope="module")
def sums(spark, forwards):
    """Checksums of both nights' tables."""
    return checksums(spark, forwards.uri, "corner")


def rows(shop, sql):
    return ask(shop.uri, sql).fetchall()


def test_every_recommended_row_has_a_grounded_sentence_in_each_language(forwards):
    bare = """
        SELECT count(*) FROM current_recommendations AS r CROSS JOIN (VALUES ('en'), ('zh')) AS l(language)
        LEFT JOIN current_explanations AS e USING (shop, release_id, surface, context, user_id, product_id, language)
        WHERE e.sentence IS NULL OR NOT e.grounded OR len(e.evidence_ids) = 0"""
    assert rows(forwards, bare) == [(0,)]
    assert rows(forwards, "SELECT count(*) > 100 FROM current_recommendations") == [(True,)]


def test_cited_facts_are_stored_and_name_their_source_rows(forwards):
    lost = """
        SELECT count(*) FROM (SELECT shop, unnest(evidence_ids) AS evidence_id FROM current_explanations) AS cited
        LEFT JOIN evidence AS e USING (shop, evidence_id)
        WHERE e.evidence_id IS NULL OR e.source_version IS NULL OR len(map_keys(e.source_keys)) = 0"""
    assert rows(forwards, lost) == [(0,)]


def test_the_newest_day_is_current_whatever_was_published_last(forwards, backwards):
    for shop in (forwards, backwards):
        assert rows(shop, "SELECT as_of FROM current_release") == [(date.fromisoformat(TUESDAY),)]


def test_two_windows_in_either_order_at_once_or_by_groups_leave_equal_tables(spark, sums, backwards):
    differ, close = compare(sums, checksums(spark, backwards.uri, "corner"))
    print(f"{len(close)} tables only close: {close}")
    assert differ == []


def test_the_same_window_again_leaves_equal_tables(spark, forwards, sums):
    again = forwards.run(TUESDAY, start=MONDAY)
    differ, _ = compare(sums, checksums(spark, forwards.uri, "corner"))
    assert differ == []
    assert again.release_id == f"{TUESDAY}-02"


def test_a_backfill_uses_no_model_that_saw_its_future_and_stops_without_one(backwards):
    cutoffs = rows(backwards, "SELECT DISTINCT train_cutoff FROM training.models WHERE purpose = 'record'")
    assert cutoffs == [(date.fromisoformat(MONDAY),)]
    with pytest.raises(OperatorError, match="no model for corner as of 2014-01-05: a backfill never trains"):
        backwards.run("2014-01-05")


def test_a_planted_event_of_the_test_window_changes_nothing_that_was_fitted(spark, nights, forwards):
    """The last fold is measured on the year before Monday; an event in it may change targets and figures only."""
    fold = max(forwards.first.folds)
    product, when = (
        rows(forwards, "SELECT product_id, count(*) AS n FROM silver.events GROUP BY 1 ORDER BY n, 1 LIMIT 1")[0][0],
        1386000000,
    )
    assert date(2013, 12, 2) == datetime.fromtimestamp(when, UTC).date()
    assert fold <= date(2013, 12, 2) < date.fromisoformat(MONDAY)
    users = [f"planted-{i}" for i in range(20)]
    planted = tuple(
        {"reviewerID": user, "asin": product, "overall": 5.0, "summary": "x", "reviewText": "y", "unixReviewTime": when}
        for user in users
    )
    other = nights("planted", added=planted)
    for group in ("ingest", "features", "training", "candidates", "weights"):
        other.run(MONDAY, job=group)

    def fitted(shop):
        models = delta.read(spark, shop.uri, table("training.models")).where(F.col("train_cutoff") <= F.lit(fold))
        kept = models.select("model", "version", "fitted", "checksum").orderBy("model", "version").collect()
        return [(m.model, m.version, json.loads(m.fitted).get("weights_sha256") or m.fitted, m.checksum) for m in kept]

    assert len(fitted(forwards)) >= 3
    assert fitted(other) == fitted(forwards)
    for name in (
        "features.product_profile",
        "features.user_profile",
        "features.user_segment",
        "features.item_pairs",
        "training.vocabulary",
    ):
        ours, theirs = (
            delta.read(spark, shop.uri, table(name)).where(F.col("cutoff") <= F.lit(fold)) for shop in (forwards, other)
        )
        assert checksum(ours, table(name)) == checksum(theirs, table(name))
    # The plant is there: what was known by Monday is not what it was.
    assert rows(other, f"SELECT count(*) FROM silver.events WHERE product_id = '{product}'") != rows(
        forwards, f"SELECT count(*) FROM silver.events WHERE product_id = '{product}'"
    )


def test_spark_and_duckdb_read_the_same_views(spark, forwards):
    for name in VIEWS:
        count = f"SELECT count(*) AS n FROM {name}"
        assert [tuple(row) for row in ask_spark(spark, forwards.uri, count).collect()] == rows(forwards, count), name


def test_why_tells_the_row_its_sentences_and_its_facts(forwards):
    user, product = rows(forwards, "SELECT user_id, product_id FROM current_recommendations ORDER BY 1, rank LIMIT 1")[
        0
    ]
    found = why(forwards.uri, "corner", user, product)
    assert found == why(forwards.uri, "corner", user)  # the first of the list
    assert [sentence["language"] for sentence in found.sentences] == ["en", "zh"]
    assert {fact["evidence_id"] for fact in found.facts} >= set(found.sentences[0]["evidence_ids"])
    assert why(forwards.uri, "corner", user, "no such product") is None


def test_no_id_of_the_shop_leaves_bronze(spark, forwards):
    ids = {row.user_id for row in delta.read(spark, forwards.uri, table("bronze.reviews")).select("user_id").collect()}
    seen = {row[0] for row in rows(forwards, "SELECT DISTINCT user_id FROM silver.events")}
    assert ids and seen and not ids & seen
