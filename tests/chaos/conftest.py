"""Tests with injected faults, on a shop of 24 products: in this process if nothing dies, else in a child process.

A test names its faults with `@pytest.mark.fault(...)`; `make chaos` runs all of them and counts those survived.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from libs.query.ask import ask
from libs.query.checksum import Checksum, checksums, compare
from libs.spark import delta
from libs.spark.session import with_settings
from libs.tables import table
from tests import tiny_shop
from tests.chaos.child import Child
from tests.end_to_end.conftest import MONDAY, TUESDAY, Nights

WEDNESDAY, NEXT_MONDAY = "2014-01-08", "2014-01-13"
# The window of one night: ingests Monday, makes the lists for Tuesday.
NIGHT = ("--start", MONDAY, "--end", TUESDAY)
KEY = "0" * 64
_survived: dict[str, bool] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name in dict(report.user_properties).get("faults", ()):
        _survived[name] = _survived.get(name, True) and report.passed


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("fault")
    if marker:
        item.user_properties.append(("faults", marker.args))


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.option.markexpr == "fault" and _survived:
        for name in (name for name, survived in _survived.items() if not survived):
            print(f"not survived: {name}")
        print(f"figure: faults={len(_survived)} survived={sum(_survived.values())}")


class Shop(Nights):
    """Nights of the shop in a warehouse that a test may damage; `env` overrides conf's settings."""

    env: dict[str, object] = {}  # noqa: RUF012  (replaced, never changed)

    def conf(self, loaded=None):
        conf = super().conf(loaded)
        return replace(conf, env=conf.env.model_copy(update=self.env))

    def child(self, *arguments: str, fault: str = "", **options: object) -> Child:
        """Starts `reasonrec ARGUMENTS` in a child process with a fault of tests.chaos.faults."""
        return Child(self.root, self.warehouse, arguments, fault, **options)  # type: ignore[arg-type]

    def checksums(self) -> list[Checksum]:
        return checksums(self.spark, self.uri, "corner")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return ask(self.uri, sql).fetchall()

    def clear_log_cache(self) -> None:
        """Makes the session read every Delta log again, as a new process does."""
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def use_copied_weights(self) -> None:
        """Points this copy's rows of training.models to the weights in this copy."""
        folder = F.regexp_replace("weights_uri", "^.*/models/", f"{self.uri}/models/")
        path = delta.uri(self.uri, table("training.models"))
        DeltaTable.forPath(self.spark, path).update(set={"weights_uri": folder})

    def vacuum(self, name: str) -> None:
        """Deletes all files that the newest version does not have, of any age."""
        with with_settings(self.spark, {"spark.databricks.delta.retentionDurationCheck.enabled": "false"}):
            DeltaTable.forPath(self.spark, delta.uri(self.uri, table(name))).vacuum(0)

    def optimize(self, name: str) -> None:
        DeltaTable.forPath(self.spark, delta.uri(self.uri, table(name))).optimize().executeCompaction()

    def release(self) -> str:
        """The release that readers see; checks that it has all of its rows, no others, and a sentence for each."""
        [(release, rows, languages)] = self.rows("SELECT release_id, recommendations, languages FROM current_release")
        assert self.rows("SELECT DISTINCT release_id FROM current_recommendations") == [(release,)]
        assert self.rows("SELECT count(*) FROM current_recommendations") == [(rows,)]
        counts = self.rows("SELECT count(*), count(DISTINCT (user_id, product_id)) FROM current_explanations")
        assert counts == [(rows * len(languages), rows)]
        return str(release)


@pytest.fixture(scope="session")
def conf_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conf whose shop `corner` has every 16th product of the sample, with reviews on each day of the tests."""
    products, reviews = tiny_shop.sample(16)
    ids = sorted(str(product["asin"]) for product in products)
    users = sorted({str(review["reviewerID"]) for review in reviews})
    monday = 1388966400
    added = [  # twelve a day, from Monday to Wednesday
        {"reviewerID": users[i] if i % 4 else f"new-{i}", "asin": ids[i % 24], "overall": float(1 + i % 5),
         "summary": "Fine", "reviewText": "A fine record.", "unixReviewTime": monday + 86400 * (i // 12)}
        for i in range(36)
    ]  # fmt: skip
    # With 24 products there are few left for a user who has one or two.
    floor = {"evaluation.audit": {"min_activity_ratio": 0.5}}
    return tiny_shop.write(tmp_path_factory.mktemp("chaos-conf"), added, every=16, params=floor)


@pytest.fixture(scope="session")
def trained(spark, conf_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Monday's release with that day's models, from which every test starts; never changed."""
    shop = Shop(spark, conf_root, tmp_path_factory.mktemp("trained") / "wh")
    shop.run(MONDAY)
    return shop


@pytest.fixture(scope="session")
def copies(spark, conf_root: Path, trained: Shop, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shop]:
    def copied(name: str) -> Shop:
        warehouse = tmp_path_factory.mktemp(name) / "wh"
        shutil.copytree(trained.warehouse, warehouse)
        return Shop(spark, conf_root, warehouse)

    return copied


@pytest.fixture
def shop(request: pytest.FixtureRequest, copies: Callable[[str], Shop]) -> Iterator[Shop]:
    """A copy of Monday's warehouse for one test."""
    copy = copies("shop")
    yield copy
    shutil.rmtree(copy.warehouse.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def undisturbed(copies: Callable[[str], Shop]) -> Shop:
    """Tuesday's run without a fault; `.sums` are its checksums."""
    shop = copies("undisturbed")
    shop.run(TUESDAY, start=MONDAY)
    shop.sums = shop.checksums()
    return shop


@pytest.fixture
def equal(undisturbed: Shop) -> Callable[[Shop], None]:
    """Fails unless every table equals that of the undisturbed run."""

    def check(shop: Shop) -> None:
        differ, _ = compare(undisturbed.sums, shop.checksums())
        assert differ == []

    return check
