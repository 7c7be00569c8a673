"""What the scheduler would really start, and for which days."""

import os
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).parent / "commands.txt"
# DAG, day the last run's interval began, day it ended, parameters, and what the run after it is.
RUNS = [
    ("daily_recommendations_music_store", "2014-06-28", "2014-06-29", {}, "a night"),
    ("weekly_training_music_store", "2014-06-16", "2014-06-23", {}, "a week"),
]
# The same commands but for their days and options: of each the first one is stored.
VARIANTS = [
    ("daily_recommendations_music_store", "2014-06-28", "2014-06-29", {"start": "1998-01-01"}, "the first load"),
    ("daily_recommendations_music_store", "2014-06-28", "2014-06-29", {"train": True}, "told to train"),
    ("daily_recommendations_online_retail", "2011-03-26", "2011-03-27", {}, "a day of 23 hours"),
    ("daily_recommendations_online_retail", "2011-10-29", "2011-10-30", {}, "a day of 25 hours"),
    ("weekly_training_online_retail", "2011-03-14", "2011-03-21", {}, "a week with the day of 23 hours"),
]


def test_every_command_is_the_stored_one(dags, next_interval, commands, monkeypatch):
    """A change is meant or a mistake: look at the difference, then store it by UPDATE_COMMANDS=1."""
    from airflow_dags.job_graph import shop_dag

    pages = []
    for dag_id, last_start, last_end, params, note in (*RUNS, *VARIANTS):
        dag = dags[dag_id]
        started = commands(dag, next_interval(dag, last_end, last_start), **params)
        pages.append(f"# {dag_id} after [{last_start}, {last_end}): {note}")
        pages += [_page(words) for words in list(started.values())[: None if note in ("a night", "a week") else 1]]
    monkeypatch.setenv("REASONREC_ENV", "prod")
    on_a_cluster = shop_dag("on_a_cluster", "music_store", ["training"], "0 0 * * *", "")
    pages.append("# the same night's training in prod")
    night = next_interval(on_a_cluster, "2014-06-29", "2014-06-28")
    pages.append(_page(commands(on_a_cluster, night)["training"]))
    found = "\n\n".join(pages) + "\n"
    if os.environ.get("UPDATE_COMMANDS"):
        STORED.write_text(found)
    assert found == STORED.read_text()


def _page(words):
    """A word a line, an option with its value on one, the machine's paths by name."""
    text = "\n".join(words).replace("\n--conf\n", "\n--conf ")
    return text.replace(str(ROOT), "{checkout}").replace(f"{os.environ['XDG_CACHE_HOME']}/reasonrec", "{cache}")


@pytest.mark.parametrize(
    ("last_start", "last_end", "start", "end", "hours"),
    [
        # Clocks go forward on 2011-03-27 at 01:00 UTC: the day ends at 23:00 UTC.
        ("2011-03-26", "2011-03-27", "2011-03-27T00:00+00:00", "2011-03-28T00:00+01:00", 23),
        ("2011-03-27", "2011-03-28", "2011-03-28T00:00+01:00", "2011-03-29T00:00+01:00", 24),
        # And back on 2011-10-30 at 01:00 UTC: the day begins at 23:00 UTC the day before.
        ("2011-10-29", "2011-10-30", "2011-10-30T00:00+01:00", "2011-10-31T00:00+00:00", 25),
    ],
)
def test_next_run_covers_one_whole_day_of_the_shop(dags, next_interval, last_start, last_end, start, end, hours):
    interval = next_interval(dags["daily_recommendations_online_retail"], last_end, last_start)
    assert interval.start == datetime.fromisoformat(start)
    assert interval.end == datetime.fromisoformat(end)
    assert (interval.end - interval.start).total_seconds() == hours * 3600


def test_the_job_reads_an_interval_as_the_shop_s_own_days(dags, next_interval, commands):
    """The instants of a short day, as jobs/run.py turns them into days: [2011-03-27, 2011-03-28)."""
    dag = dags["daily_recommendations_online_retail"]
    words = commands(dag, next_interval(dag, "2011-03-27", "2011-03-26"))["ingest"]
    given = dict(word.split("=", 1) for word in words if word.startswith(("--start=", "--end=")))
    days = {
        name: datetime.fromisoformat(text).astimezone(ZoneInfo("Europe/London")).date() for name, text in given.items()
    }
    assert days == {"--start": date(2011, 3, 27), "--end": date(2011, 3, 28)}
