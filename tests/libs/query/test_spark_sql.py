from datetime import UTC, date, datetime

import pytest

from libs.errors import OperatorError
from libs.query.spark_sql import ask

ALARM = {"run_id": "a", "as_of": date(2020, 1, 1), "kind": "k", "subject": "s", "message": "m", "action": "a",
         "raised_at": datetime(2020, 1, 1, tzinfo=UTC)}  # fmt: skip


def counted(spark, warehouse, name):
    return ask(spark, warehouse, f"SELECT count(*) AS n FROM {name}").collect()[0].n


def test_names_follow_the_warehouse_that_is_asked_and_nothing_is_written_for_a_missing_table(make_warehouse, spark):
    one = make_warehouse()
    one.seed("quality.alarms", [ALARM])
    other = one.folder.parent / "other"
    assert counted(spark, one.conf.env.warehouse, "quality.alarms") == 1
    assert counted(spark, other.as_uri(), "quality.alarms") == 0
    assert counted(spark, one.conf.env.warehouse, "quality.alarms") == 1
    assert counted(spark, other.as_uri(), "current_release") == 0
    assert not other.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT TRANSFORM(1) USING 'id' AS (x)",
        "SELECT reflect('a.B', 'c')",
        "SELECT identifier('ref' || 'lect')('a.B', 'c')",
        "DROP TABLE x",
    ],
)
def test_a_question_runs_no_command_no_java_and_changes_nothing(spark, tmp_path, sql):
    with pytest.raises(OperatorError):
        ask(spark, tmp_path.as_uri(), sql)


def test_a_question_does_not_read_the_environment(spark, tmp_path):
    [row] = ask(spark, tmp_path.as_uri(), "SELECT '${env:HOME} reflect' AS text").collect()
    assert row.text == "${env:HOME} reflect"
