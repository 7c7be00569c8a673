"""Alarms reach a real listener on loopback, carry what to do, and fail no run."""

import json
import logging
import socket
import threading
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import get_args

import pytest

from jobs.night_alarms import of_failure, of_release, without_secrets
from libs.alarms.alarm import ACTIONS, Alarm, Kind, due_day, late_release, missing_release
from libs.alarms.send import send
from libs.conf import Conf, load
from libs.conf.alarms import AlarmsConf
from libs.conf.shop import ShopConf
from libs.errors import GateError, OperatorError
from libs.job import Run
from libs.window import Window
from tests.conftest import ROOT, SHOP

ABOUT = {"shop": "tiny", "run_id": "r1", "as_of": "2020-02-01"}
ALARMS = [
    Alarm("empty_day", "silver.transactions", "2020-01-31: no rows"),
    Alarm("failed_job", "training.als", "KeyError"),
]


@pytest.fixture
def listener():
    """An HTTP server that answers with the statuses given, one a request, and keeps what it was sent."""
    started = []

    def start(*statuses):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.got.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(statuses[min(len(self.server.got), len(statuses)) - 1])
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        server.got = []
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        started.append(server)
        return server, f"http://127.0.0.1:{server.server_port}/hook/s3cret-path"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_a_webhook_gets_all_alarms_in_one_post_with_what_to_do_and_the_token(listener, monkeypatch):
    server, url = listener(204)
    monkeypatch.setenv("REASONREC_ALARM_WEBHOOK_TOKEN", "t0ken")
    send(ALARMS, AlarmsConf(webhook=url), ABOUT)
    [(path, headers, body)] = server.got
    assert (path, headers["Authorization"]) == ("/hook/s3cret-path", "Bearer t0ken")
    assert {key: body[key] for key in ABOUT} == ABOUT
    assert [alarm["kind"] for alarm in body["alarms"]] == ["empty_day", "failed_job"]
    assert all(
        alarm["action"] == ACTIONS[alarm["kind"]] and alarm["action"] in body["text"] for alarm in body["alarms"]
    )
    send([], AlarmsConf(webhook=url), ABOUT)
    assert len(server.got) == 1


def test_the_environment_names_a_webhook_whose_address_is_a_secret(listener, monkeypatch):
    server, url = listener(200)
    monkeypatch.setenv("REASONREC_ALARM_WEBHOOK", url)
    send(ALARMS, AlarmsConf(webhook="http://127.0.0.1:9/conf"), ABOUT)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    "statuses, attempts, posts, told",
    [((503, 503, 200), 3, 3, True), ((503,), 3, 3, False), ((400,), 3, 1, False), ((302,), 3, 1, False)],
)
def test_a_webhook_is_tried_a_bounded_number_of_times_and_never_raises(
    listener, caplog, statuses, attempts, posts, told
):
    server, url = listener(*statuses)
    logging.getLogger("reasonrec").propagate = True
    with caplog.at_level(logging.WARNING):
        send(ALARMS, AlarmsConf(webhook=url, attempts=attempts), ABOUT)
    assert len(server.got) == posts
    assert [record.name for record in caplog.records] == ([] if told else ["reasonrec"])
    assert "s3cret" not in caplog.text


def test_a_listener_that_is_not_there_or_never_answers_is_given_up(caplog):
    logging.getLogger("reasonrec").propagate = True
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        send(ALARMS, AlarmsConf(webhook=f"http://127.0.0.1:{port}/s3cret", timeout_s=0.1, attempts=2), ABOUT)
    send(ALARMS, AlarmsConf(webhook=f"http://127.0.0.1:{port}/s3cret", attempts=1), ABOUT)
    mail = {"host": "127.0.0.1", "port": port, "starttls": False, "sender": "a@shop", "to": ["b@shop"]}
    send(ALARMS, AlarmsConf.model_validate({"email": mail, "attempts": 2}), ABOUT)
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "alarms were not told by webhook", "alarms were not told by webhook", "alarms were not told by e-mail"]  # fmt: skip
    assert "s3cret" not in caplog.text


def smtp_server(refuse_first):
    """Speaks as much of RFC 5321 as a letter needs; hangs up on the first caller where told so."""
    server, letters = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        if refuse_first:
            server.accept()[0].close()
        caller, _ = server.accept()
        with caller, caller.makefile("rwb") as line:

            def say(text):
                line.write(text + b"\r\n")
                line.flush()

            say(b"220 loopback")
            while command := line.readline():
                if command.upper().startswith(b"DATA"):
                    say(b"354 go on")
                    letter = b""
                    while not letter.endswith(b"\r\n.\r\n"):
                        letter += line.readline()
                    letters.append(letter.decode())
                say(b"221 bye" if command.upper().startswith(b"QUIT") else b"250 ok")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return server, letters, thread


@pytest.mark.parametrize("refuse_first", [False, True])
def test_a_letter_arrives_also_when_the_first_try_fails(refuse_first):
    server, letters, thread = smtp_server(refuse_first)
    mail = {
        "host": "127.0.0.1",
        "port": server.getsockname()[1],
        "starttls": False,
        "sender": "a@shop",
        "to": ["b@shop"],
    }
    with server:
        send(ALARMS, AlarmsConf.model_validate({"email": mail}), ABOUT)
        thread.join(5)
    [letter] = letters
    assert "Subject: reasonrec tiny 2020-02-01: empty_day, failed_job" in letter
    assert "2020-01-31: no rows" in letter


def test_a_letter_is_tried_a_bounded_number_of_times_with_doubled_waits(monkeypatch, caplog):
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    logging.getLogger("reasonrec").propagate = True
    mail = {"host": "127.0.0.1", "port": 9, "starttls": False, "sender": "a@shop", "to": ["b@shop"]}  # nobody listens
    send(ALARMS, AlarmsConf.model_validate({"email": mail, "attempts": 4}), ABOUT)
    assert waits == pytest.approx([0.2, 0.4, 0.8])
    assert [record.getMessage() for record in caplog.records] == [
        "alarms were not told by e-mail: ConnectionRefusedError"
    ]


SIX = ShopConf.model_validate(SHOP | {"timezone": "Europe/London", "publish_by": "06:00"})
TODAY = date(2020, 7, 1)


@pytest.mark.parametrize(
    "utc, due",
    [("2020-07-01T05:00", TODAY), ("2020-07-01T04:59", date(2020, 6, 30)), ("2020-06-30T23:30", date(2020, 6, 30))],
)
def test_a_release_is_due_at_its_time_in_the_shops_own_zone(utc, due):
    assert due_day(SIX, datetime.fromisoformat(utc).replace(tzinfo=UTC)) == due  # summer time: 05:00 UTC is 06:00


def test_a_release_is_late_after_its_time_and_a_backfill_is_not():
    late, early = (datetime(2020, 7, 1, hour, tzinfo=UTC) for hour in (7, 3))
    assert late_release(SIX, TODAY, late).kind == "late_release"
    assert late_release(SIX, TODAY, early) is None
    assert late_release(SIX, date(2020, 6, 1), late) is None
    assert late_release(SIX.model_copy(update={"publish_by": None}), TODAY, late) is None


def test_a_release_that_is_not_there_is_missing_from_its_time_on():
    late, early = (datetime(2020, 7, 1, hour, tzinfo=UTC) for hour in (7, 3))
    yesterday = date(2020, 6, 30)
    assert missing_release(SIX, yesterday, early) is None
    assert missing_release(SIX, TODAY, late) is None
    assert "the newest are for 2020-06-30" in missing_release(SIX, yesterday, late).message
    assert "none were ever published" in missing_release(SIX, None, late).message
    assert missing_release(SIX.model_copy(update={"publish_by": None}), None, late) is None


def test_publish_by_is_a_time_in_quotes():
    assert SIX.publish_by == time(6)
    with pytest.raises(ValueError, match="in quotes"):
        ShopConf.model_validate(SHOP | {"publish_by": 630})  # what YAML makes of 10:30


def test_the_text_of_a_foreign_error_is_not_told_and_that_of_ours_is():
    foreign = of_failure("users.user_rfm", ValueError("user-17 cannot be cast"))
    assert (foreign.kind, foreign.message) == ("failed_job", "ValueError, see its row")
    assert of_failure("ingest.bronze", OperatorError("orders: no file")).message == "orders: no file"
    assert of_failure("evaluation.audit", GateError("coverage")).kind == "failed_gate"
    assert without_secrets("key abc of abc", {"key": "abc"}) == "key *** of ***"


@pytest.mark.parametrize(
    "stale, hour, kinds", [(False, 5, []), (True, 5, ["stale_models"]), (True, 7, ["stale_models", "late_release"])]
)
def test_a_release_with_old_models_or_after_its_time_raises_its_alarms(stale, hour, kinds):
    conf = Conf(ROOT / "conf", load(ROOT / "conf", "test", None).env, SIX, {})
    window, trained = Window(date(2020, 6, 30), TODAY), date(2020, 6, 22)
    run = Run("r1", conf, window, (TODAY,), trained, (), "2020-07-01-01", 1, "0", stale=stale)
    found = of_release(run, datetime(2020, 7, 1, hour - 1, 30, tzinfo=UTC))
    assert [alarm.kind for alarm in found] == kinds
    assert not stale or "models of 2020-06-22 are used, 9 days old; from 28 days on" in found[0].message


def test_every_alarm_says_what_to_do():
    assert set(ACTIONS) == set(get_args(Kind))
    assert all(action.endswith(".") for action in ACTIONS.values())
