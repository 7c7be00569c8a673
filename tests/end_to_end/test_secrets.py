"""No secret of the environment is found in a file, log line, setting or error of a night.

Of the session's nights the key is known; one night's ingest, where the key is used, runs with one that cannot be mistaken.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from jobs.run import main

from .conftest import MONDAY, TUESDAY

KEY, TOKEN, PASSWORD = hashlib.sha256(b"canary").hexdigest(), "t0ken-canary-4711", "passw0rd-canary-4711"
NIGHTS_KEY = ("0" * 64).encode()  # of the session's nights


def forms(secret: str) -> list[bytes]:
    """How a secret may be written."""
    found = [secret.encode(), secret.upper().encode(), base64.b64encode(secret.encode()).rstrip(b"=")]
    if len(secret) == 64:
        key = bytes.fromhex(secret)
        found += [key, base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key).rstrip(b"=")]
    return found


SECRETS = [NIGHTS_KEY, *(form for secret in (KEY, TOKEN, PASSWORD) for form in forms(secret))]


def content(path: Path) -> bytes:
    """A file's bytes; of Parquet its values too, since compression may hide them."""
    found = path.read_bytes()
    if found[:4] == b"PAR1":
        values, sink = pyarrow.parquet.read_table(path, partitioning=None), pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, values.schema) as stream:
            stream.write_table(values)
        found += sink.getvalue().to_pybytes()
    return found


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    found = []
    for path in (one for one in folder.rglob("*") if one.is_file()):
        told = content(path)
        if any(needle in told for needle in needles):
            found.append(str(path.relative_to(folder)))
    return sorted(found)


@pytest.fixture
def failing(forwards, tmp_path, monkeypatch):
    """The corner, and a shop whose file is not there; alarms go to a webhook and a mail server that are not there."""
    shutil.copytree(forwards.root, tmp_path / "conf")
    shop = yaml.safe_load((tmp_path / "conf" / "shops" / "corner.yaml").read_text())
    shop["sources"]["reviews"]["path"] = "gone.jsonl"
    (tmp_path / "conf" / "shops" / "failing.yaml").write_text(yaml.safe_dump(shop))
    env = yaml.safe_load((tmp_path / "conf" / "test.yaml").read_text())
    mail = {"host": "127.0.0.1", "port": 9, "user": "night", "sender": "a@shop", "to": ["b@shop"]}
    env["alarms"] = {"webhook": "http://127.0.0.1:9/hook", "email": mail, "timeout_s": 1, "attempts": 1}
    (tmp_path / "conf" / "test.yaml").write_text(yaml.safe_dump(env))
    for name, value in {
        "REASONREC_CONF": str(tmp_path / "conf"),
        "REASONREC_WAREHOUSE": str(tmp_path / "warehouse"),
        "REASONREC_KEY": KEY,
        "REASONREC_ALARM_WEBHOOK_TOKEN": TOKEN,
        "REASONREC_SMTP_PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_no_file_log_line_setting_or_error_holds_a_secret(spark, forwards, failing, capfd):
    window = ("--start", MONDAY, "--end", TUESDAY)
    main(["run", "ingest", "--shop", "corner", "--env", "test", *window])
    for command in (["run", "ingest", *window], ["why", "--user", "u", "--product", "p"]):
        with pytest.raises(SystemExit) as stopped:
            main([*command, "--shop", "failing", "--env", "test"])
        assert stopped.value.code == 2
    told = capfd.readouterr()
    assert "wrote silver.reviews" in told.err  # with the key
    assert "gone.jsonl" in told.err  # the error itself
    assert "alarms were not told by webhook" in told.err

    settings = json.dumps([*spark.sparkContext.getConf().getAll(), *map(list, spark.sql("SET").collect())])
    java = str(spark._jvm.java.lang.System.getProperties())
    words = "\n".join([forwards.told.getvalue(), told.out, told.err, settings, java]).encode()
    assert len(forwards.told.getvalue()) > 1000
    assert [form for form in SECRETS if form in words] == []
    # The warehouse with its history and properties, MLflow's store beside it, and the failed night's.
    assert files_with(forwards.warehouse.parent, SECRETS) == []
    assert files_with(failing / "warehouse", SECRETS) == []


def test_the_scan_finds_what_is_there(forwards, tmp_path):
    assert any(name.endswith(".db") for name in files_with(forwards.warehouse.parent, [b"two_tower"]))
    assert any("_delta_log" in name for name in files_with(forwards.warehouse.parent, [b"corner"]))
    words = files_with(forwards.warehouse, [b"album"])  # of reviews, in Parquet
    assert any("silver/reviews" in name for name in words)
    for number, form in enumerate(SECRETS):
        (tmp_path / str(number)).write_bytes(b"before " + form + b" after")
    assert len(files_with(tmp_path, SECRETS)) == len(SECRETS)


def test_each_job_of_a_night_tells_what_it_used_and_the_failed_one_is_there_too(forwards, failing, capfd):
    from libs.query.ask import ask

    night = ask(forwards.uri, "SELECT * FROM quality.job_runs").fetchall()
    assert len(night) > 40
    used = """SELECT count(*) FROM quality.job_runs
              WHERE cpu_seconds > 0 AND peak_memory_bytes > 50000000 AND bytes_read >= 0 AND bytes_written >= 0"""
    assert ask(forwards.uri, used).fetchall() == [(len(night),)]
    read = """SELECT bytes_read > 1000 AND bytes_written > 1000 AND bytes_shuffled > 1000 AND task_seconds > 0.01
              FROM quality.job_runs
              WHERE job = 'users.user_history'"""
    assert set(ask(forwards.uri, read).fetchall()) == {(True,)}
    alarms = ask(forwards.uri, "SELECT kind, subject, message FROM quality.alarms").fetchall()
    assert alarms == []  # nothing was wrong

    with pytest.raises(SystemExit):
        main(["run", "ingest", "--shop", "failing", "--env", "test", "--start", MONDAY, "--end", TUESDAY])
    capfd.readouterr()
    failed = "SELECT job, status, cpu_seconds > 0, error LIKE '%gone.jsonl%' FROM quality.job_runs"
    assert ask((failing / "warehouse").as_uri(), failed).fetchall() == [("ingest.bronze", "failed", True, True)]
    told = ask((failing / "warehouse").as_uri(), "SELECT kind, subject, action FROM quality.alarms").fetchall()
    assert [row[:2] for row in told] == [("failed_job", "ingest.bronze")]
    assert told[0][2].startswith("Read its error in quality.job_runs")


def test_the_night_was_audited_and_its_deliveries_measured(forwards):
    from libs.query.ask import ask

    checks = ask(forwards.uri, """SELECT release_id, count(*), count(*) FILTER (WHERE NOT passed AND severity = 'stop')
                                  FROM quality.audits GROUP BY 1 ORDER BY 1""").fetchall()  # fmt: skip
    assert [row[0] for row in checks][:2] == [f"{MONDAY}-01", f"{TUESDAY}-01"]
    assert all(count >= 15 and failed == 0 for _, count, failed in checks)
    measured = ask(forwards.uri, """SELECT day, CAST(value AS BIGINT) FROM quality.table_health
                                    WHERE metric = 'rows' AND value > 0""").fetchall()  # fmt: skip
    assert sorted(measured) == sorted(
        ask(forwards.uri, "SELECT day, count(*) FROM silver.reviews GROUP BY 1").fetchall()
    )
