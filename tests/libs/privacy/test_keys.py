import stat
from pathlib import Path

import pytest
from pyspark import SparkContext

from libs.conf import load
from libs.errors import OperatorError
from libs.privacy.keys import keys, required
from libs.spark.session import build_session

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def env(tmp_path, tmp_path_factory, monkeypatch):
    """env("dev") or env("prod") over a warehouse of the test's own, with no key in the environment."""
    for name in ("REASONREC_KEY", "REASONREC_KEY_OLD", "REASONREC_SUPPRESSION_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REASONREC_WAREHOUSE", str(tmp_path / "wh"))
    root = tmp_path_factory.mktemp("conf")
    for file in (ROOT / "conf").glob("*.yaml"):  # prod as somebody has filled it in
        (root / file.name).write_text(file.read_text().replace("FILL-IN", "bucket"))
    return lambda name: load(root, name, None).env


def test_a_laptop_makes_two_keys_of_its_own_and_keeps_them(env, tmp_path):
    first = keys(env("dev"))
    assert set(first) == {"pseudonym_key", "suppression_key"}
    assert first["pseudonym_key"] != first["suppression_key"]
    assert keys(env("dev")) == first
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"wh.key": 0o600, "wh.suppression.key": 0o600}


def test_elsewhere_the_pseudonym_key_must_be_set_and_the_others_when_they_are_needed(env, monkeypatch):
    with pytest.raises(OperatorError, match="REASONREC_KEY is not set"):
        keys(env("prod"))
    monkeypatch.setenv("REASONREC_KEY", "A" * 64)
    found = keys(env("prod"))
    assert found == {"pseudonym_key": "a" * 64}
    with pytest.raises(OperatorError, match="REASONREC_SUPPRESSION_KEY is not set"):
        required(found, "suppression_key")


def test_a_malformed_key_is_named_and_not_shown(env, monkeypatch):
    monkeypatch.setenv("REASONREC_KEY", "a" * 64)
    monkeypatch.setenv("REASONREC_KEY_OLD", "canary")
    with pytest.raises(OperatorError, match="REASONREC_KEY_OLD") as refused:
        keys(env("prod"))
    assert "canary" not in str(refused.value)


def test_of_two_first_runs_at_once_both_take_the_same_key(env, tmp_path, monkeypatch):
    """The other run makes its file between our look and our own."""
    other = tmp_path / "wh.key"
    look = Path.exists

    def late(path):
        found = look(path)
        if path == other and not found:
            other.touch(0o600)
            other.write_text("b" * 64)
        return found

    monkeypatch.setattr(Path, "exists", late)
    assert keys(env("dev"))["pseudonym_key"] == "b" * 64
    assert {path.name for path in tmp_path.iterdir()} == {"wh.key", "wh.suppression.key"}


def test_a_cluster_s_secret_is_no_argument_of_a_process(env, monkeypatch):
    class Started(Exception):
        pass

    def started(conf):
        raise Started(dict(conf.getAll()))

    monkeypatch.setenv("_SPARK_AUTH_SECRET", "canary")
    monkeypatch.setattr(SparkContext, "_ensure_initialized", started)
    with pytest.raises(Started) as settings:
        build_session(env("prod"))
    assert settings.value.args[0]["spark.authenticate"] == "true"
    assert "canary" not in str(settings.value)


@pytest.mark.parametrize("name", ["My Projects", "caf\u00e9", "50%"])
def test_a_warehouse_that_its_readers_would_look_for_elsewhere_is_refused(env, tmp_path, monkeypatch, name):
    monkeypatch.setenv("REASONREC_WAREHOUSE", str(tmp_path / name / "wh"))
    with pytest.raises(OperatorError, match=f"{name}/wh: .*REASONREC_WAREHOUSE"):
        env("dev")
