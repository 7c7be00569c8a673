"""Bad arguments, mappings and files: exit status 2 and one line that names the thing and the fix; nothing published."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
import yaml

from jobs.run import main
from libs.query.ask import ask

WINDOW = ("--start", "1998-01-01", "--end", "2014-01-06")


@pytest.fixture
def shop(spark, corner, tmp_path, monkeypatch):
    """A conf of the corner that a test may spoil, and a new warehouse."""
    source = corner("spoilt")
    folder = tmp_path / "shop"
    shutil.copytree(source.parent, folder)
    monkeypatch.setenv("REASONREC_CONF", str(folder / "conf"))
    monkeypatch.setenv("REASONREC_WAREHOUSE", str(tmp_path / "wh"))
    monkeypatch.setenv("REASONREC_KEY", "0" * 64)
    path = folder / "conf" / "shops" / "corner.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["sources"]["reviews"]["path"] = str(folder / "reviews.jsonl.gz")
    settings["sources"]["catalogue"]["path"] = str(folder / "products.jsonl.gz")
    path.write_text(yaml.safe_dump(settings))
    return folder


def refused(capsys, *arguments: str) -> str:
    """The one line that the command says; its exit status is 2."""
    with pytest.raises(SystemExit) as exit:
        main([*arguments])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reasonrec: ")]
    assert exit.value.code == 2, lines
    assert len(lines) == 1, lines
    return lines[0]


def remap(shop: Path, **changes: object) -> None:
    path = shop / "conf" / "shops" / "corner.yaml"
    settings = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        target, *rest = key.split("__")
        place = settings
        for part in (target, *rest)[:-1]:
            place = place[part]
        place[(target, *rest)[-1]] = value
    path.write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("run", "daily", "--shop", "nowhere", *WINDOW), "unknown shop 'nowhere'"),
        (("run", "users.user_rmf", "--shop", "corner", *WINDOW), "did you mean users.user_rfm"),
        (("run", "daily", "--shop", "corner", "--start", "2014-01-06", "--end", "2014-01-05"), "ends before it starts"),
        (("run", "daily", "--shop", "corner", "--start", "6.1.2014", "--end", "2014-01-07"), "write it as YYYY-MM-DD"),
        (("run", "daily", "--shop", "corner", *WINDOW, "--env", "moon"), "unknown environment 'moon'"),
        (("run", "daily", "--shop", "corner", *WINDOW, "--set", "rank=3"), "write it as JOB.KEY=VALUE"),
        (("run", "daily", "--shop", "../corner", *WINDOW), "unknown shop"),
        (("run", "daily", "--shop", "corner"), "--start"),
        (("tables", "results.recomendations"), "did you mean results.recommendations"),
        (("sql", "SELECT * FROM results.recomendations"), "did you mean results.recommendations"),
        (("sql", "DROP TABLE results.releases"), "only SELECT"),
        (("sql", "SELECT * FROM read_csv('/etc/passwd')"), "disabled"),
        (("release", "pin", "2014-01-06-09", "--shop", "corner", "--reason", "x"), "no published release"),
        (("why", "--shop", "corner", "--user", "u", "--product", "p"), "corner has never seen user u"),
        (("sql", "SELECT * FROM recommendations"), "did you mean results.recommendations"),
    ],
)
def test_bad_arguments_are_named_with_the_fix(shop, capsys, arguments, told):
    assert told in refused(capsys, *arguments)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"sources__reviews__columns__raiting": "overall"}, "columns.raiting: reviews has no such column"),
        ({"sources__reviews__columns__rating": "overal"}, "sources.reviews.columns.rating"),
        ({"sources__reviews__path": "gone.jsonl.gz"}, "gone.jsonl.gz"),
        ({"sources__reviews__kind": "opinions"}, "unknown kind 'opinions'"),
        ({"tymezone": "UTC"}, "tymezone: unknown key"),
        ({"params": {"users.user_history": {"nonsense": 1}}}, "nonsense"),
    ],
)
def test_a_mapping_that_cannot_be_is_named_by_file_key_and_column(shop, capsys, change, told):
    remap(shop, **change)
    job = "users.user_history" if "params" in change else "ingest.bronze"
    line = refused(capsys, "run", job, "--shop", "corner", "--env", "test", *WINDOW)
    assert told in line


def test_a_broken_gzip_and_an_empty_source_are_named(shop, capsys):
    file = shop / "reviews.jsonl.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "reviews.jsonl.gz" in refused(capsys, "run", "ingest.bronze", "--shop", "corner", "--env", "test", *WINDOW)
    file.write_bytes(gzip.compress(b""))
    assert "no rows" in refused(capsys, "run", "ingest.bronze", "--shop", "corner", "--env", "test", *WINDOW)


def test_a_quarantine_above_its_limit_stops_the_night_and_publishes_nothing(shop, capsys):
    file = shop / "reviews.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    for row in rows[::10]:
        row["overall"] = 11
    file.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    line = refused(capsys, "run", "daily", "--shop", "corner", "--env", "test", *WINDOW)
    assert "reviews" in line and "rating is not 1 to 5" in line
    assert ask((shop.parent / "wh").as_uri(), "SELECT * FROM current_release").fetchall() == []


def test_a_day_without_a_model_is_refused(shop, capsys):
    line = refused(capsys, "run", "scoring.recommendations", "--shop", "corner", "--env", "test", *WINDOW)
    assert "no model of corner may be used as of 2014-01-06: run with --train" in line


def test_prod_refuses_to_start_without_a_key(shop, capsys, monkeypatch):
    monkeypatch.delenv("REASONREC_KEY")
    prod = shop / "conf" / "prod.yaml"
    prod.write_text(prod.read_text().replace("FILL-IN", "bucket"))
    assert "REASONREC_KEY is not set" in refused(capsys, "run", "daily", "--shop", "corner", "--env", "prod", *WINDOW)
