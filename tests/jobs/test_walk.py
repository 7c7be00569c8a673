"""Groups in processes of their own: when training is due there, and what its failure does."""

import re
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from jobs import walk as walk_module
from jobs.catalog import models_of, select
from jobs.evaluation import backtest
from jobs.training import als
from jobs.walk import make_plan, walk
from libs.errors import OperatorError, RankError
from libs.tables import MODELS
from libs.window import Window

WINDOW = Window(date(2020, 1, 13), date(2020, 1, 14))  # a Tuesday's lists use the models of Monday, the 13th


def model(name, day):
    return {
        "model": name,
        "version": f"{name}-{day}",
        "purpose": "record",
        "train_cutoff": date.fromisoformat(day),
        "parameters": "{}",
        "data_versions": {},
        "code_version": "0",
        "fitted": "{}",
    }


@pytest.fixture
def older_models(warehouse):
    warehouse.seed("training.models", [model(name, "2020-01-06") for name in MODELS])
    return warehouse


def test_a_training_group_finds_the_models_that_came_first(spark, older_models):
    def due():
        return [job.name for job in make_plan(spark, older_models.conf, "training", WINDOW, train=False).jobs]

    assert due() == [job.name for job in select("training")]
    older_models.seed("training.models", [model("two_tower", "2020-01-13")])
    assert due() == [job.name for job in select("training")]  # one of its models is not there
    older_models.seed("training.models", [model("als", "2020-01-13")])  # fitted, and no weights yet
    assert due() == []
    assert make_plan(spark, older_models.conf, "training", WINDOW, train=True).jobs == select("training")


def test_a_training_group_that_fails_ends_its_process_and_the_next_group_uses_older_models(
    spark, older_models, monkeypatch
):
    monkeypatch.setattr(als, "run", lambda ctx: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        walk(spark, make_plan(spark, older_models.conf, "training", WINDOW, train=False), {})
    assert older_models.rows("quality.job_runs", "job", "status") == [("training.als", "failed")]

    after = make_plan(spark, older_models.conf, "candidates", WINDOW, train=False).run
    assert (after.train_cutoff, after.stale, after.folds) == (date(2020, 1, 6), True, ())


def test_a_long_job_tells_its_cost_in_the_log_which_outlives_a_killed_run(spark, older_models, monkeypatch, caplog):
    monkeypatch.setattr(walk_module, "_LONG_S", 0)
    monkeypatch.setattr(als, "run", lambda ctx: 1 / 0)
    with caplog.at_level("INFO", "reasonrec"), pytest.raises(ZeroDivisionError):
        walk(spark, make_plan(spark, older_models.conf, "training", WINDOW, train=False), {})
    assert re.search(r"\d+ s, \d+ CPU seconds, \d+\.\d GiB at most", caplog.text)


def test_a_job_has_its_row_before_the_next_one_starts(spark, older_models, monkeypatch):
    """So a walk that is killed in its third job leaves two rows; one that is interrupted says so of the third."""
    plan = make_plan(spark, older_models.conf, "candidates", WINDOW, train=False)
    names = [job.name for job in plan.jobs[:3]]

    def told():
        return older_models.rows("quality.job_runs", "job", "status", "error")

    def run(ctx):
        if ctx.job.name == names[2]:
            assert told() == sorted((name, "done", None) for name in names[:2])
            raise KeyboardInterrupt

    monkeypatch.setattr(walk_module.importlib, "import_module", lambda name: SimpleNamespace(run=run))
    with pytest.raises(KeyboardInterrupt):
        walk(spark, plan, {})
    assert (names[2], "failed", "interrupted") in told()


@pytest.mark.parametrize("error", [ZeroDivisionError(), RankError("rank 1 ended"), OperatorError("fix it")])
def test_lists_of_models_that_the_release_will_not_name_are_made_again(spark, older_models, monkeypatch, error):
    """The models of the 13th are there, their lists are made, and then the weights fail."""
    asked = []

    def ran(name):
        def run(ctx):
            asked.append((name, str(ctx.run.train_cutoff)))
            if name == "training.fusion":
                raise error

        return SimpleNamespace(run=run)

    plan = make_plan(spark, older_models.conf, "daily", WINDOW, train=False)
    names = (
        "candidates.als",
        "candidates.candidate_pool",
        "training.fusion",
        "evaluation.backtest",
        "scoring.recommendations",
    )
    plan = replace(plan, jobs=tuple(job for job in plan.jobs if job.name in names))
    monkeypatch.setattr(walk_module.importlib, "import_module", lambda name: ran(name.removeprefix("jobs.")))
    new, old = "2020-01-13", "2020-01-06"
    if type(error) is OperatorError:  # earlier models do not replace a fix by the operator
        with pytest.raises(OperatorError, match="fix it"):
            walk(spark, plan, {})
        assert asked[-1] == ("training.fusion", new)
        return
    walk(spark, plan, {})
    assert asked == [
        ("candidates.als", new), ("candidates.candidate_pool", new), ("training.fusion", new),
        ("candidates.als", old), ("candidates.candidate_pool", old), ("scoring.recommendations", old),
    ]  # fmt: skip


def test_models_whose_back_test_failed_are_not_used_until_one_is_done(spark, older_models, monkeypatch):
    def back_test(run):
        only = make_plan(spark, older_models.conf, "evaluation.backtest", WINDOW, train=False)
        monkeypatch.setattr(backtest, "run", run)
        walk(spark, only, {})

    def plan(what):
        found = make_plan(spark, older_models.conf, what, WINDOW, train=False)
        return len(found.jobs), str(found.run.train_cutoff), found.run.stale

    older_models.seed("training.models", [model(name, "2020-01-13") for name in MODELS])
    assert plan("results") == (len(select("results")), "2020-01-13", False)
    with pytest.raises(ZeroDivisionError):
        back_test(lambda ctx: 1 / 0)
    # By groups the weights are fitted and measured again; if they fail again, the lists are of older models.
    assert plan("weights") == (3, "2020-01-13", False)
    assert plan("results") == (len(select("candidates") + select("results")), "2020-01-06", True)
    assert plan("daily")[1:] == ("2020-01-13", False)
    back_test(lambda ctx: None)
    assert plan("weights") == (0, "2020-01-13", False)
    assert plan("results") == (len(select("results")), "2020-01-13", False)


def test_a_results_group_makes_lists_again_where_the_weights_failed_in_a_process_of_their_own(spark, older_models):
    def first():
        return make_plan(spark, older_models.conf, "results", WINDOW, train=False).jobs[0].name

    assert first() == select("results")[0].name  # no new model at all: the lists there are are of older ones
    older_models.seed("training.models", [model(name, "2020-01-13") for name in models_of(select("training"))])
    assert first() == select("candidates")[0].name
    older_models.seed("training.models", [model("fusion", "2020-01-13")])
    assert first() == select("results")[0].name
