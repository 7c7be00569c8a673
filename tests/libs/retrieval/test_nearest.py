"""The rule that chooses the index, and the jobs' lists with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.candidates.als import Params
from libs.conf import load, typed_params
from libs.errors import OperatorError
from libs.registry.weights import sweep_models
from libs.spark.session import with_settings
from tests.conftest import ROOT, Warehouse
from tests.jobs.candidates.rows import CUTOFF, history
from tests.jobs.training.test_als import seed


def lists(warehouse: Warehouse, partitions: int, **params: int) -> list[tuple[object, ...]]:
    warehouse.params["candidates.als"] = params
    with with_settings(warehouse.spark, {"spark.sql.files.maxPartitionBytes": str(2**27 // partitions)}):
        warehouse.run("candidates.als")
    return warehouse.rows("candidates.als", "cutoff", "user_id", "product_id", "rank", "score")


@pytest.fixture
def trained(warehouse: Warehouse) -> Warehouse:
    others = [history(f"w{n}", ("2019-12-01", "a q" if n % 2 else "c p")) for n in range(40)]
    seed(warehouse, (CUTOFF,), others)
    warehouse.run("training.als")
    return warehouse


def indexes(warehouse: Warehouse) -> list[Path]:
    return sorted(warehouse.folder.glob("models/tiny/als_index/*/*"))


def test_below_the_rule_the_search_is_exact_and_no_index_is_made(trained: Warehouse) -> None:
    assert lists(trained, 1, index_from=7)  # six products have factors
    assert not indexes(trained)


def test_from_the_rule_on_an_index_is_built_once_and_the_lists_are_the_same_on_every_run(trained: Warehouse) -> None:
    exact = lists(trained, 1)
    assert {row[1] for row in exact} >= {"u1", "w0"}
    found = lists(trained, 1, index_from=6)
    assert found == exact  # six products are fewer than what is found beyond a list: all are scored
    (file,) = indexes(trained)
    made = file.stat()
    assert lists(trained, 4, index_from=6, probes=1) == exact
    assert file.stat().st_mtime_ns == made.st_mtime_ns
    file.unlink()
    assert lists(trained, 2, index_from=6) == exact
    assert indexes(trained) == [file]


def test_an_index_goes_with_its_model(trained: Warehouse) -> None:
    lists(trained, 1, index_from=1)
    ((version,),) = trained.rows("training.models", "version")
    assert not sweep_models(trained.conf.env.warehouse, "tiny", [str(version)])
    assert sweep_models(trained.conf.env.warehouse, "tiny", []) == [version, version]
    assert not indexes(trained)


def test_conf_says_the_rule_and_a_wrong_key_is_named() -> None:
    conf = load(ROOT / "conf", "test", None)
    for job in ("candidates.als", "candidates.two_tower"):
        assert conf.job_params(job) == {"index_from": 1_000_000, "probes": 64}
    with pytest.raises(OperatorError, match="unknown parameter 'index_until'"):
        typed_params(Params, {"index_until": 3}, "params of candidates.als")
