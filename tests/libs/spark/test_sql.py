from datetime import UTC, datetime

import pytest

from libs.ask import AskError
from libs.spark.sql import ask


def counted(spark, warehouse, name):
    return ask(spark, warehouse, f"SELECT count(*) AS n FROM {name}").collect()[0].n


def test_names_follow_the_warehouse_that_is_asked_and_nothing_is_written_for_a_missing_table(make_warehouse, spark):
    one = make_warehouse()
    one.seed("results.pins", [{"seq": 1, "reason": "a test", "pinned_at": datetime(2020, 2, 1, tzinfo=UTC)}])
    other = one.folder.parent / "other"
    assert counted(spark, one.conf.env.warehouse, "results.pins") == 1
    assert counted(spark, other.as_uri(), "results.pins") == 0
    assert counted(spark, one.conf.env.warehouse, "results.pins") == 1
    assert counted(spark, other.as_uri(), "current_release") == 0
    assert not other.exists()


@pytest.mark.parametrize("sql", ["SELECT TRANSFORM(1) USING 'id' AS (x)", "SELECT reflect('a.B', 'c')", "DROP TABLE x"])
def test_a_question_runs_no_command_no_java_and_changes_nothing(spark, tmp_path, sql):
    with pytest.raises(AskError):
        ask(spark, tmp_path.as_uri(), sql)
