"""A result table is one declaration: what it lacks is named, and a second surface's table needs no other change."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import catalog
from jobs.evaluation import audit
from jobs.evaluation.release_rules import faults
from jobs.maintenance import erase_user
from jobs.maintenance.erasure import PSEUDONYMS, Traces
from libs.privacy.keys import pseudonym
from libs.query.ask import ask
from libs.tables import LIST_ROW, TABLES, VIEWS, Table, citing_tables, released_tables
from libs.tables.table import SHOP, define
from libs.tables.views import current_rows
from tests.conftest import Warehouse
from tests.jobs.evaluation.rows import fact, link, recommendation, sentence

RELEASE, OLD, NEW = "2020-02-01-01", "0" * 64, "2" * 64
ZOE, BOB, BOB_AFTER = pseudonym("zoe", OLD), pseudonym("bob", OLD), pseudonym("bob", NEW)

SEARCH = define(
    "results.search_results",
    "A product listed for what a user searched for.",
    f"""{SHOP}
    release_id | string! | the attempt that wrote the row
    surface | string! | search
    context | string! | default
    user_id | string! | pseudonym
    query | string! | what the user searched for
    rank | int! | place, from 1
    product_id | string! | the product
    score | double! | relevance
    as_of | date! | only what was known before this business day was used
    evidence_ids | array<string>! | facts cited, in order""",
    "shop release_id surface context user_id query product_id",
    "release",
    partitioned_by=("shop", "release_id"),
    volatile=("release_id",),
    cites_evidence=True,
    noun="search result",
)


def lacking(table: Table) -> list[str]:
    """What a table that is to be shown by a release lacks."""
    columns = set(table.column_names)
    others = [other.noun for other in citing_tables() if other.name != table.name]
    cites = bool(columns & {"evidence_id", "evidence_ids"}) and table.name != "results.evidence"
    checks = {
        'scope="release"': table.scope == "release",
        "keys that begin with shop and release_id": table.keys[:2] == ("shop", "release_id"),
        "partitions by shop and release_id": table.partitioned_by == ("shop", "release_id"),
        "release_id among its volatile columns: two equal runs differ in it": "release_id" in table.volatile,
        "retention_days": table.retention_days is not None,
        "cites_evidence=True for its evidence ids": table.cites_evidence == cites,
        "a noun of its own: the audit's checks are named by it": not cites or table.noun not in ["row", *others],
        f"columns {', '.join(LIST_ROW)}, score and as_of beside its rank": "rank" not in columns
        or {*LIST_ROW, "score", "as_of"} <= columns,
        f"pseudonyms in a column of {', '.join(PSEUDONYMS)} alone: erasure and key rotation look there": all(
            column.name in PSEUDONYMS for column in table.columns if "pseudonym" in column.comment
        ),
    }
    return [part for part, there in checks.items() if not there]


@pytest.mark.parametrize("table", [*released_tables(), SEARCH], ids=lambda table: table.name)
def test_a_table_of_a_release_lacks_nothing(table: Table) -> None:
    assert lacking(table) == []


def test_every_table_of_a_release_has_its_view_and_a_job_that_writes_it() -> None:
    written = {name for job in catalog.CATALOG for name in job.writes}
    for table in released_tables():
        assert VIEWS[current_rows(table).name].reads == (table.name, "current_release")
        assert table.name in written, f"{table.name}: no job of jobs/catalog.py writes it"


def test_a_row_of_a_list_is_named_by_the_keys_of_its_table() -> None:
    assert TABLES["results.recommendations"].keys == ("shop", "release_id", *LIST_ROW)


def test_what_is_missing_is_named() -> None:
    user = [replace(column, name="searcher") if column.name == "user_id" else column for column in SEARCH.columns]
    half = replace(SEARCH, columns=tuple(user), keys=("shop", "rank"), cites_evidence=False, noun="row")
    assert [part.split()[0] for part in lacking(half)] == ["keys", "cites_evidence=True", "a", "columns", "pseudonyms"]


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A published release of recommendations for bob, and of search results for bob and zoe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLES, SEARCH.name, SEARCH)
        patch.setitem(VIEWS, "current_search_results", current_rows(SEARCH))
        before = dict(vars(catalog))
        importlib.reload(catalog)  # as in a process that starts with the table
        shop = Warehouse(spark, tmp_path_factory.mktemp("search") / "warehouse")
        seed(shop)
        shop.run("publish.release", release_id=RELEASE)
        yield shop
    vars(catalog).update(before)  # other modules hold what they imported from it before


def seed(shop: Warehouse) -> None:
    shop.seed("results.recommendations", [recommendation(RELEASE, BOB, 1, "lamp")])
    shop.seed("results.explanations", [sentence(RELEASE, BOB, "lamp", "en", "many")])
    shop.seed("results.recommendation_evidence", [link(RELEASE, BOB, "lamp", "many")])
    own = {"subject": "user", "user_id": BOB, "type": "own_history", "slots": {"anchor": "Mug", "action": "purchase"}}
    facts = [
        fact(RELEASE, "few") | {"product_id": "lamp", "support": 5},  # zoe may be one of the five
        fact(RELEASE, "many") | {"product_id": "lamp", "support": 12},
        fact(RELEASE, "bobs") | own | {"source_keys": {"user_id": BOB}},
    ]
    shop.seed("results.evidence", facts)
    found = {"release_id": RELEASE, "surface": "search", "context": "default", "as_of": date(2020, 2, 1), "score": 0.5}
    rows = [(ZOE, "light", 1, "lamp", ["many"]), (BOB, "light", 1, "lamp", ["few"]), (BOB, "cup", 1, "mug", ["bobs"]),
            (BOB, "cup", 2, "lamp", ["none such"])]  # fmt: skip
    names = ("user_id", "query", "rank", "product_id", "evidence_ids")
    shop.seed(SEARCH.name, [found | dict(zip(names, row, strict=True)) for row in rows])
    delivered = {"day": date(2020, 1, 1), "source": "orders", "row_id": "r", "order_id": "o", "product_id": "lamp"}
    shop.seed("bronze.transactions", [delivered | {"user_id": user} for user in ("bob", "zoe")])


def results(shop: Warehouse) -> list[tuple[object, ...]]:
    return [(user, query, *ids) for user, query, ids in shop.rows(SEARCH.name, "user_id", "query", "evidence_ids")]


def test_its_rows_are_audited(shop: Warehouse) -> None:
    ctx = shop.context("evaluation.audit", release_id=RELEASE)
    broken = faults({table.name: audit.of_release(ctx, table.name) for table in released_tables()}, ["en"])
    assert {rule: rows for rule, rows in broken.items() if rows} == {
        "each search result cites facts, and all of them are stored": 1
    }


def test_its_rows_are_published_and_exported_by_the_shops_own_ids(shop: Warehouse) -> None:
    [versions] = [row["table_versions"] for row in shop.collect("results.releases")]
    assert SEARCH.name in versions
    [count] = ask(shop.conf.env.warehouse, "SELECT count(*) FROM current_search_results").fetchall()
    assert count == (4,)
    shop.params["publish.export"] = {"format": "json"}
    shop.run("publish.export")
    exported = shop.spark.read.json(f"{shop.folder.as_uri()}/exports/tiny/search_results/{RELEASE}").collect()
    assert [(row.shop_user_id, row.query, row.rank, row.product_id) for row in exported] == [
        ("bob", "cup", 1, "mug"), ("bob", "cup", 2, "lamp"), ("bob", "light", 1, "lamp"), ("zoe", "light", 1, "lamp"),
    ]  # fmt: skip
    nightly = list(Path(shop.folder, "exports", "tiny", RELEASE).glob("*.json"))
    assert len(nightly) == 1


def test_its_rows_are_erased_and_come_under_a_new_key(shop: Warehouse) -> None:
    spark = shop.spark
    nothing = {name: spark.createDataFrame([], f"{name} string") for name in ("row_id", "order_id")}
    zoe = Traces(spark.createDataFrame([(ZOE,)], "user_id string"), **nothing,
                 product_id=spark.createDataFrame([("lamp",)], "product_id string"), first_day=None)  # fmt: skip
    erasing = shop.context("maintenance.erase_user")
    erase_user.withdraw_facts(erasing, zoe)
    erase_user.delete(erasing, zoe)
    # zoe's row is gone, and bob's that said what five did.
    assert results(shop) == sorted([(BOB, "cup", "bobs"), (BOB, "cup", "none such")])
    shop.secrets = {"pseudonym_key": NEW, "old_key": OLD}
    shop.run("maintenance.rotate_key")
    [(own,)] = [(row["evidence_id"],) for row in shop.collect("results.evidence") if row["user_id"] is not None]
    assert own != "bobs"
    assert results(shop) == sorted([(BOB_AFTER, "cup", own), (BOB_AFTER, "cup", "none such")])
