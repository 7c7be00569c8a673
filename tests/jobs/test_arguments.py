"""Whatever stands in an argument: exit status 2 before a Spark session starts, no table changed, no file written."""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.cli import check
from jobs.cli.output import check_output
from jobs.run import main
from libs.errors import OperatorError
from libs.privacy.keys import pseudonym
from libs.spark import session
from tests.builders import event
from tests.conftest import ROOT, SHOP
from tests.jobs.evaluation.rows import recommendation, release

NASTY = (
    "'; DROP TABLE results.releases; --",
    '"',
    "x' OR '1'='1",
    "; rm -rf .",
    "$(touch pwned)",
    "`touch pwned`",
    "| tee pwned",
    "../../etc/passwd",
    "..",
    "/etc/passwd",
    "file:///etc/passwd",
    "file:pwned",
    "s3a://bucket/x",
    "link",
    "link/../pwned",
    "a\x00b",
    "a\nb",
    "*",
    "",
    "--",
    "\udcff",
    "推荐",
    "x" * 5000,
)
WINDOW = ("--start", "2020-01-01", "--end", "2020-02-01")
# Each argument of each command, its place marked; what stands in it must be refused, or looked up and not found.
PLACES = {
    "job": ("run", "@", "--shop", "tiny", *WINDOW),
    "first word": ("@",),
    "dotted word": ("ingest.@", "--shop", "tiny", *WINDOW),
    "shop": ("run", "daily", "--shop", "@", *WINDOW),
    "start": ("run", "daily", "--shop", "tiny", "--start", "@", "--end", "2020-02-01"),
    "end": ("run", "daily", "--shop", "tiny", "--start", "2020-01-01", "--end", "@"),
    "end instant": ("run", "daily", "--shop", "tiny", "--start", "2020-01-01", "--end", "@T00:00"),
    "env": ("run", "daily", "--shop", "tiny", "--env", "@", *WINDOW),
    "conf": ("run", "daily", "--shop", "tiny", "--conf", "@", *WINDOW),
    "set": ("run", "daily", "--shop", "tiny", "--set", "@", *WINDOW),
    "set job": ("run", "daily", "--shop", "tiny", "--set", "@.rank=1", *WINDOW),
    "set key": ("run", "daily", "--shop", "tiny", "--set", "training.als.@=1", *WINDOW),
    "set value": ("run", "daily", "--shop", "tiny", "--set", "training.als.rank=@", *WINDOW),
    "table": ("tables", "@"),
    "query": ("sql", "@"),
    "engine": ("sql", "SELECT 1", "--engine", "@"),
    "format": ("sql", "SELECT 1", "--format", "@"),
    "sql env": ("sql", "SELECT 1", "--env", "@"),
    "why shop": ("why", "--shop", "@", "--user", "u", "--product", "p"),
    "user": ("why", "--shop", "tiny", "--user", "@", "--product", "p"),
    "product": ("why", "--shop", "tiny", "--user", "u", "--product", "@"),
    "pin": ("release", "pin", "@", "--shop", "tiny", "--reason", "r"),
    "pin shop": ("release", "pin", "2020-02-01-01", "--shop", "@", "--reason", "r"),
    "unpin shop": ("release", "unpin", "--shop", "@"),
    "checksum shop": ("checksum", "--shop", "@"),
    "status env": ("status", "--env", "@"),
    "doctor env": ("doctor", "--env", "@"),
    "check shop": ("shop", "check", "@"),
    "check env": ("shop", "check", "tiny", "--env", "@"),
    "draft name": ("shop", "draft", "nothing.csv", "--name", "@"),
    "unknown option": ("run", "daily", "--shop", "tiny", *WINDOW, "--x@"),
}


def tree(*folders: Path) -> dict[str, str]:
    """Every file, link and folder below, with its content's hash."""
    found = {}
    for path in (one for folder in folders for one in sorted(folder.rglob("*"))):
        told = (
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        found[str(path)] = told
    return found


@pytest.fixture(scope="module")
def place(spark, tmp_path_factory):
    """A folder with a conf, a warehouse with a published release, a link out of it, and a file outside."""
    from tests.conftest import Warehouse

    folder = tmp_path_factory.mktemp("place")
    (folder / "conf" / "shops").mkdir(parents=True)
    for file in (ROOT / "conf").glob("*.yaml"):
        (folder / "conf" / file.name).write_text(file.read_text())
    (folder / "conf" / "languages").symlink_to(ROOT / "conf" / "languages")
    tiny = {key: value for key, value in SHOP.items() if key != "name"}
    (folder / "conf" / "shops" / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    warehouse = Warehouse(spark, folder / "warehouse")
    warehouse.seed("results.releases", [release("2020-02-01-01")])
    bob, eve = pseudonym("bob", "0" * 64), pseudonym("eve", "0" * 64)
    warehouse.seed("results.recommendations", [recommendation("2020-02-01-01", bob, 1, "lamp")])
    warehouse.seed("silver.events", [event(user, "mug", "2020-01-05") for user in (bob, eve)])
    (folder / "outside").mkdir()
    (folder / "outside" / "file").write_text("kept")
    (folder / "link").symlink_to(folder / "outside")
    return folder


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("REASONREC_CONF", str(place / "conf"))
    monkeypatch.setenv("REASONREC_WAREHOUSE", str(place / "warehouse"))
    monkeypatch.setenv("REASONREC_KEY", "0" * 64)
    monkeypatch.setattr(session, "build_session", _no_session)
    return place


def _no_session(*_):
    raise AssertionError("a Spark session was started")


def refused(arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2, arguments


@pytest.mark.parametrize("name", PLACES)
def test_what_cannot_be_an_argument_is_refused_before_spark_starts_and_changes_nothing(here, name, capsys):
    before = tree(here)
    for text in NASTY:
        if (name, text) == ("table", "--"):
            continue  # the end of the options: no argument
        refused(part.replace("@", text) for part in PLACES[name])
        told = capsys.readouterr()
        if name != "doctor env":  # it lists what to fix, one line each
            assert len([line for line in told.err.splitlines() if line.startswith("reasonrec: ")]) == 1, text
    assert tree(here) == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted({*PLACES} - {"set value", "query", "start", "end", "end instant"})),
    text=st.text(max_size=40),
)
@example(name="job", text="daily ")
def test_any_text_as_an_argument_is_refused_and_changes_nothing(here, name, text):
    """Text that hypothesis makes up is the name of no shop, job, table or environment."""
    arguments = [part.replace("@", text) for part in PLACES[name]]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    # A word that begins with a dash may be a command's own option: `--help` is done, and does nothing.
    assert stopped.value.code == 2 or (stopped.value.code == 0 and text.startswith("-")), arguments


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM results.releases",
        "SELECT 1; DROP TABLE results.releases",
        "COPY (SELECT 1) TO 'warehouse/results/releases/x.parquet'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'warehouse/results/releases/x.parquet'",
        "ATTACH 'pwned.db'",
        "EXPORT DATABASE 'pwned'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT * FROM read_text('outside/file')",
        "SELECT * FROM read_text('link/file')",
        "SELECT * FROM 'warehouse/../outside/file'",
        "PRAGMA database_list",
        "CREATE TABLE t AS SELECT 1",
    ],
)
def test_a_query_can_only_ask(here, query):
    before = tree(here)
    refused(("sql", query))
    assert tree(here) == before


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM results.releases",
        "WITH x AS (SELECT 1) INSERT INTO results.releases SELECT * FROM x",
        "FROM results.releases INSERT INTO results.pins SELECT *",
        "INSERT OVERWRITE DIRECTORY 'pwned' USING csv SELECT 1",
        "CREATE TABLE pwned AS SELECT 1",
        "EXPLAIN EXTENDED SELECT 1",
        "SET spark.sql.ansi.enabled = false",
        "SELECT 1) t; DROP TABLE results.releases --",
        "SELECT reflect('java.lang.System', 'exit', '1')",
        "SELECT `java_method`('java.lang.System', 'exit', '1')",
        "it's",
        "SELECT nothing FROM results.releases",
        "SELECT * FROM text.`outside/file`",
    ],
)
def test_spark_answers_questions_only_too(spark, here, monkeypatch, query):
    monkeypatch.setattr(session, "build_session", lambda *_: spark)
    before = tree(here)
    refused(("sql", query, "--engine", "spark"))
    assert tree(here) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--user", "nobody", "--product", "lamp"), "tiny has never seen user nobody"),
        (("--user", "nobody"), "tiny has never seen user nobody"),
        (("--user", "bob", "--product", "mug"), "mug is not in tonight's list of user bob"),
        (("--user", "eve"), "user eve has no list tonight"),
    ],
)
def test_why_tells_a_user_never_seen_from_a_product_that_is_not_in_the_list(here, capsys, arguments, says):
    refused(("why", "--shop", "tiny", *arguments))
    assert says in capsys.readouterr().err


def test_why_without_a_product_is_about_the_first_of_the_list(here, capsys):
    shown = []
    for arguments in (("--user", "bob"), ("--user", "bob", "--product", "lamp")):
        main(["why", "--shop", "tiny", *arguments])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].startswith("#1 ")


def test_what_only_the_rows_show_to_be_wrong_is_one_line_too(here):
    refused(("sql", "SELECT CAST(release_id AS INTEGER) FROM results.releases"))


def test_a_terminal_gets_no_control_characters(here, capsys, monkeypatch):
    hostile = "SELECT 'a' || chr(27) || '[2J' || chr(8238) || 'b' AS x"
    for form in ("table", "csv", "json"):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        main(["sql", hostile, "--format", form])
        shown = capsys.readouterr().out
        assert "a" in shown and not {"\x1b", "\u202e"} & set(shown)


def test_an_output_is_a_new_file_outside_the_warehouse(here, capsys):
    (here / "into").symlink_to(here / "warehouse" / "results")
    before = tree(here)
    for output in (
        "",
        "..",
        "../../x.csv",
        "link/../x.csv",
        "/etc/passwd",
        "file:///tmp/x.csv",
        "file:x.csv",
        "s3a://bucket/x.csv",
        "a\x00b",
        "a\nb",
        "x" * 5000,
        "link",  # a link, and a folder
        "into/x.csv",
        "warehouse/results/releases/x.csv",
        "warehouse/x.csv",
        "outside/file",
        "nowhere/x.csv",
        "hdfs:/x.csv",
    ):
        refused(("sql", "SELECT 1", f"--output={output}"))
    assert tree(here) == before
    main(["sql", "SELECT 1 AS one", "--format", "csv", "--output", "new.csv"])
    assert (here / "new.csv").read_text().replace('"', "") == "one\n1\n"
    assert {*tree(here)} - {*before} == {str(here / "new.csv")}
    refused(("sql", "SELECT 1", "--output", "new.csv"))
    (here / "new.csv").unlink()
    (here / "into").unlink()


def test_an_output_in_a_folder_that_links_nowhere_bad_is_fine(here):
    check_output(Path("link/new.csv"), (here / "warehouse").as_uri())
    check_output(None, "s3a://bucket/x")


@pytest.mark.parametrize(
    "folder", ["@/results", "@/results/releases", "@", "@/../warehouse/results", "@/exports/../results"]
)
def test_an_export_does_not_go_among_the_tables(here, folder):
    from jobs.publish.export import check_folder

    warehouse = (here / "warehouse").as_uri()
    for root in (warehouse, str(here / "warehouse")):
        with pytest.raises(OperatorError, match="among the tables"):
            check_folder(folder.replace("@", root), warehouse)
        check_folder(f"{root}/exports/monday", warehouse)
    check_folder("", warehouse)


def test_days_beyond_the_calendar_are_refused(here):
    for day in (
        "0001-01-01",
        "9999-12-31",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-12:00",
    ):
        refused(("run", "daily", "--shop", "tiny", "--start", day, "--end", "2020-02-01"))
        refused(("run", "daily", "--shop", "tiny", "--start", "2020-01-01", "--end", day))


def test_status_check_looks_at_every_shop_whatever_becomes_of_the_others(here, capsys, monkeypatch):
    alarmed = []
    monkeypatch.setattr(check, "raise_alarm", lambda conf, alarm: alarmed.append(conf.shop.name))
    broken = here / "conf" / "shops" / "broken.yaml"
    tiny = here / "conf" / "shops" / "tiny.yaml"
    before = tiny.read_text()
    tiny.write_text(before + "publish_by: '23:59'\n")
    broken.write_text("name: broken\nnonsense: 1\n")
    try:
        with pytest.raises(SystemExit) as stopped:
            main(["status", "--check"])
    finally:
        tiny.write_text(before)
        broken.unlink()
    assert stopped.value.code == 2
    assert "reasonrec: broken: " in capsys.readouterr().err
    assert alarmed == ["tiny"]


def test_status_check_alarms_once_where_a_release_is_missing_and_exits_3(spark, here, monkeypatch, capsys):
    from libs.query.ask import ask

    refused(("status", "--check"))  # no shop sets publish_by
    tiny = here / "conf" / "shops" / "tiny.yaml"
    before = tiny.read_text()
    tiny.write_text(before + "publish_by: '00:00'\n")
    monkeypatch.setattr(session, "build_session", lambda *_: spark)
    try:
        for _ in range(2):
            with pytest.raises(SystemExit) as stopped:
                main(["status", "--check"])
            assert stopped.value.code == 3
            assert "the newest are for 2020-02-01" in capsys.readouterr().err
    finally:
        tiny.write_text(before)
    told = ask((here / "warehouse").as_uri(), "SELECT kind, subject, run_id FROM quality.alarms").fetchall()
    assert len(told) == 1
    assert (told[0][0], told[0][2]) == ("late_release", "status")
    assert date.fromisoformat(told[0][1]) >= date(2020, 2, 2)
