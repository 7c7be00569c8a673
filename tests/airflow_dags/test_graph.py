"""Rules over the graph: nothing in it but what the catalog says."""

from datetime import timedelta
from pathlib import Path

import pytest

from jobs.catalog import GROUPS, select

ROOT = Path(__file__).resolve().parents[2]
DAGS = [
    f"{name}_{shop}"
    for name in ("daily_recommendations", "weekly_training")
    for shop in ("music_store", "online_retail")
]


def test_all_dags_are_read_quickly(bag):
    assert bag.cpu_s < 10, "seconds of CPU; about 1 on the machine this was written on"
    assert set(DAGS) <= set(bag.dags)


def test_a_dag_file_takes_only_the_shops_asked_for(monkeypatch):
    from airflow_dags.job_graph import shops

    monkeypatch.setenv("REASONREC_SHOPS", "online_retail,elsewhere")
    assert shops() == ["online_retail"]


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_task_is_a_group_of_the_catalog_with_limits(dags, dag_id):
    for task in dags[dag_id].tasks:
        assert task.task_id.removesuffix("_settled") in GROUPS
        assert timedelta() < task.execution_timeout <= timedelta(hours=8)
        assert task.on_failure_callback
        if task.task_id in GROUPS:
            assert task.retries >= 1
            assert task.retry_exponential_backoff > 1
            assert all(f"`{job.name}`" in task.doc_md for job in GROUPS[task.task_id])
            assert all(table in task.doc_md for job in GROUPS[task.task_id] for table in (*job.reads, *job.writes))


@pytest.mark.parametrize("dag_id", DAGS)
def test_edges_are_those_of_reads_and_writes_and_make_no_cycle(dags, dag_id):
    dag = dags[dag_id]
    order = [task.task_id for task in dag.topological_sort()]  # raises on a cycle
    assert sorted(order) == sorted(dag.task_dict)
    groups = [task_id for task_id in order if task_id in GROUPS]
    found = set()
    for early in groups:
        followers = dag.task_dict[early].downstream_task_ids
        settled = {each for each in followers if each.endswith("_settled")}
        assert settled <= {f"{early}_settled"}
        reached = followers - settled | {late for each in settled for late in dag.task_dict[each].downstream_task_ids}
        found |= {(early, late) for late in reached}
    assert found == {
        (early, late)
        for early in groups
        for late in groups
        if list(GROUPS).index(early) < list(GROUPS).index(late)
        if any(set(one.writes) & set(two.reads) for one in GROUPS[early] for two in GROUPS[late])
    }


@pytest.mark.parametrize("dag_id", [each for each in DAGS if each.startswith("daily")])
def test_the_night_runs_every_nightly_job_and_ends_in_one_publish(dags, dag_id):
    dag = dags[dag_id]
    jobs = [job for task in dag.topological_sort() for job in GROUPS.get(task.task_id, ())]
    assert jobs == list(select("daily"))
    last = [task for task in dag.tasks if not task.downstream_task_ids]
    assert [task.task_id for task in last] == ["publish"]
    assert [task.task_id for task in dag.tasks if task.outlets] == ["publish"]
    shop = dag_id.removeprefix("daily_recommendations_")
    assert f"{shop}/results.releases" in {asset.name for asset in last[0].outlets}
    assert f"{shop}/results.recommendations" in {asset.name for asset in last[0].outlets}


def test_training_that_failed_holds_up_nothing_but_a_failed_ingest_does(dags):
    """Only the training groups are settled by failing; what their followers read from other groups must be there."""
    dag = dags["daily_recommendations_music_store"]
    rules = {task.task_id: task.trigger_rule.value for task in dag.tasks}
    assert {task for task, rule in rules.items() if rule == "all_done"} == {"training_settled", "weights_settled"}
    assert set(rules.values()) == {"all_done", "all_success"}
    assert dag.task_dict["candidates"].upstream_task_ids == {"ingest", "features", "training_settled"}
    assert "training" not in dag.task_dict["results"].upstream_task_ids


def test_weekly_training_fails_when_training_does(dags):
    dag = dags["weekly_training_music_store"]
    assert set(dag.task_dict) == {"ingest", "features", "training", "candidates", "weights"}
    assert "training" in dag.task_dict["candidates"].upstream_task_ids


def test_a_shop_s_tasks_share_one_pool_and_all_trainings_another(dags):
    pools = {
        (dag.tags - {"reasonrec"}).pop() + ":" + task.pool
        for dag in dags.values()
        for task in dag.tasks
        if task.task_id in GROUPS
    }
    assert pools == {
        "music_store:shop_music_store", "music_store:gpu_training",
        "online_retail:shop_online_retail", "online_retail:gpu_training",
    }  # fmt: skip
    trainings = [task.pool for dag in dags.values() for task in dag.tasks if task.task_id == "training"]
    assert set(trainings) == {"gpu_training"}


def test_runs_of_one_dag_come_one_after_another_and_never_for_the_past_unasked(dags):
    for dag in dags.values():
        assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_maintenance_has_a_dag_where_the_catalog_has_the_group(monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    file = str(ROOT / "airflow_dags" / "maintenance.py")
    monkeypatch.delitem(GROUPS, "maintenance", raising=False)
    assert DagBag(file).dags == {}
    monkeypatch.setitem(GROUPS, "maintenance", GROUPS["publish"][-1:])
    found = DagBag(file).dags
    assert set(found) == {"maintenance_music_store", "maintenance_online_retail"}
    assert [task.task_id for task in found["maintenance_music_store"].tasks] == ["maintenance"]
