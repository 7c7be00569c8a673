"""A job that has failed: what is tried again, what is told to whom."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

CONTEXT = {
    "task_instance": SimpleNamespace(dag_id="daily_recommendations_corner", task_id="publish"),
    "dag_run": SimpleNamespace(run_id="scheduled__2014-06-30"),
    "data_interval_start": "2014-06-29T00:00:00+00:00",
    "data_interval_end": "2014-06-30T00:00:00+00:00",
    "exception": RuntimeError("exit status 3, a gate failed and nothing was published: reasonrec: too few users\nmore"),
}


@pytest.fixture
def submit(tmp_path):
    """Runs a task whose spark-submit is a script that says something and ends with a status."""
    from airflow_dags.job_graph import GroupOperator

    def run(status, says=""):
        script = tmp_path / "spark-submit"
        script.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
        script.chmod(0o755)
        GroupOperator(task_id="ingest", application="run.py", spark_binary=str(script)).execute({})

    return run


@pytest.mark.parametrize(("status", "means"), [(2, "something to fix"), (3, "a gate failed")])
def test_a_status_that_a_second_try_cannot_change_is_final_and_says_why(submit, status, means):
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(
        AirflowFailException, match=rf"exit status {status}, {means}.*reasonrec: orders.csv: no such file"
    ):
        submit(status, "reasonrec: orders.csv: no such file")


def test_any_other_failure_is_tried_again(submit):
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    with pytest.raises(AirflowException) as raised:
        submit(1)
    assert not isinstance(raised.value, AirflowFailException)


def test_success_is_silent(submit):
    submit(0)


def test_an_alarm_says_what_failed_for_which_window_and_what_to_do(monkeypatch):
    from airflow_dags.alarms import task_failed

    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    monkeypatch.setenv("REASONREC_ALARM_WEBHOOK", f"http://127.0.0.1:{server.server_port}/secret-path")
    task_failed(CONTEXT)
    server.server_close()
    assert received == [
        {
            "dag": "daily_recommendations_corner",
            "task": "publish",
            "run": "scheduled__2014-06-30",
            "window": "[2014-06-29T00:00:00+00:00, 2014-06-30T00:00:00+00:00)",
            "error": "exit status 3, a gate failed and nothing was published: reasonrec: too few users",
            "do": "docs/operate.md, 'A task has failed'",
        }
    ]


def test_a_webhook_that_does_not_answer_hides_no_failure_and_is_not_named(monkeypatch, caplog):
    from airflow_dags.alarms import task_failed

    monkeypatch.setenv("REASONREC_ALARM_WEBHOOK", "http://127.0.0.1:9/secret-path")
    task_failed(CONTEXT)
    assert "too few users" in caplog.text
    assert "did not reach the webhook" in caplog.text
    assert "secret-path" not in caplog.text
