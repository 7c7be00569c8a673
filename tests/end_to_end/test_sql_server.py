"""The SQL server on a published corner: it answers as DuckDB does, sees what is published, and does nothing else."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.run import main
from libs.spark import delta
from libs.tables import TABLES, VIEWS, table
from samples import sql_demo

from .conftest import MONDAY

PAGE = sql_demo.PAGE.read_text(encoding="utf-8")


class Served:
    """A copy of the corner's warehouse, and a server of it."""

    def __init__(self, folder: Path, port: int, cwd: Path) -> None:
        self.folder, self.uri, self.port, self.cwd = folder, folder.as_uri(), port, cwd

    def rows(self, sql: str, **options):
        with sql_demo.cursor(self.port, **options) as at:
            at.execute(sql)
            return at.fetchall()


@pytest.fixture(scope="module")
def served(forwards, tmp_path_factory):
    folder, cwd = tmp_path_factory.mktemp("served") / "wh", tmp_path_factory.mktemp("cwd")
    shutil.copytree(forwards.warehouse, folder)
    with sql_demo.server(folder.as_uri(), env="test", cwd=cwd) as port:
        yield Served(folder, port, cwd)
    assert list(cwd.iterdir()) == []  # neither a metastore, nor a warehouse, nor a log


def test_ten_questions_are_answered_alike_by_both_engines(served):
    asked = sql_demo.questions(PAGE)
    assert len(asked) == 10
    with sql_demo.cursor(served.port) as at:
        for title, sql in asked.items():
            ours = sql_demo.by_duckdb(served.uri, sql)
            theirs = sql_demo.by_thrift(at, sql)
            assert ours.rows, title
            assert sql_demo.equal(ours, theirs), (title, ours, theirs)


def test_the_page_shows_each_answer_with_its_columns(served):
    answers = {title: sql_demo.by_duckdb(served.uri, sql) for title, sql in sql_demo.questions(PAGE).items()}
    shown, now = (
        re.findall(r"```\n\n(\|.*\|)\n\| --- ", page) for page in (PAGE, sql_demo.with_answers(PAGE, answers))
    )
    assert len(now) == 10
    assert shown == now  # what is in the rows differs with the processor: models are fitted


def test_every_table_and_view_stands_under_its_name(served):
    with sql_demo.cursor(served.port) as at:
        shown = {}
        for schema in {"default", *(one.layer for one in TABLES.values())}:
            at.execute(f"SHOW TABLES IN {schema}")
            shown |= {f"{schema}.{row[1]}".removeprefix("default."): None for row in at.fetchall()}
    assert set(shown) == {*TABLES, *VIEWS}


def test_what_changes_reads_past_or_sets_is_refused_and_changes_no_file(served, tmp_path):
    before = sql_demo.state(served.folder)
    statements = sql_demo.forbidden(served.uri, tmp_path / "out")
    assert len(statements) > 50
    with sql_demo.cursor(served.port) as at:
        assert [statement for statement in statements if not sql_demo.refused(at, statement)] == []
    assert sql_demo.state(served.folder) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("statement", ["SELECT * FROM results.releases", "SELEC 1"])
def test_a_question_and_a_slip_of_the_pen_do_not_count_as_refused(served, statement):
    with sql_demo.cursor(served.port) as at:
        assert not sql_demo.refused(at, statement)


def test_a_session_opens_without_the_settings_its_client_asks_for(served):
    from TCLIService import ttypes

    asked = {
        "use:database": "results",
        "set:hiveconf:spark.sql.variable.substitute": "true",
        "set:hiveconf:spark.sql.runSQLOnFiles": "true",
        "set:system:reasonrec.owned": "yes",
    }
    told = "SELECT '${system:reasonrec.owned}' || '${env:PATH}' FROM releases LIMIT 1"
    with sql_demo.cursor(served.port) as at:
        client = at._connection.client
        opened = client.OpenSession(ttypes.TOpenSessionReq(client_protocol=5, configuration=asked))
        found = client.ExecuteStatement(ttypes.TExecuteStatementReq(opened.sessionHandle, told, asked))
        rows = client.FetchResults(ttypes.TFetchResultsReq(found.operationHandle, 0, 10)).results
        client.CloseSession(ttypes.TCloseSessionReq(opened.sessionHandle))
    assert rows.columns[0].stringVal.values == ["${system:reasonrec.owned}${env:PATH}"]


def test_beeline_asks_in_a_schema_of_its_choice(served):
    line = ["beeline", "-u", f"jdbc:hive2://127.0.0.1:{served.port}/results", "--silent=true", "--outputformat=csv2"]
    done = subprocess.run([*line, "-e", "SELECT min(release_id) AS r FROM releases"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{MONDAY}-01" in done.stdout


def test_the_next_question_sees_what_was_published_and_a_table_that_was_not_there(spark, served):
    current = "SELECT release_id FROM current_release"
    releases = delta.read(spark, served.uri, table("results.releases")).where(F.col("attempt") == 1)
    newer = releases.orderBy(F.col("as_of").desc()).limit(1).withColumns(
        {"attempt": F.lit(77), "release_id": F.lit("2014-01-07-77")}
    )  # fmt: skip
    delta.write(spark, served.uri, table("results.releases"), newer, "corner")
    assert served.rows(current) == [("2014-01-07-77",)]
    assert served.rows("SELECT count(*) FROM results.pins") == [(0,)]
    assert not delta.exists(spark, served.uri, table("results.pins"))  # asking made none
    pin = f"SELECT 'corner' AS shop, 1 AS seq, '{MONDAY}-01' AS release_id, 'test' AS reason, now() AS pinned_at"
    delta.write(spark, served.uri, table("results.pins"), spark.sql(pin), "corner")
    assert served.rows(current) == [(f"{MONDAY}-01",)]


def test_a_port_that_is_taken_and_no_java_are_named_in_one_line(capsys, monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["sql-server", "--port", str(port), "--env", "test"])
    assert ended.value.code == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["sql-server", "--port", str(port), "--env", "test"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
