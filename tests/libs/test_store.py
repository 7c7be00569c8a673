from __future__ import annotations

from pathlib import Path

import pytest

from libs.store import filesystem, hadoop_settings, is_store, storage_options


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3a://bucket/x", True),
        ("abfss://container@account.dfs.core.windows.net/x", True),
        ("gs://bucket/x", True),
        ("file:///x", False),
        ("/x", False),
        ("x", False),
    ],
)
def test_a_store_is_told_by_its_scheme(uri: str, store: bool) -> None:
    assert is_store(uri) == store


def test_plain_paths_and_file_uris_are_one_place(tmp_path: Path) -> None:
    (tmp_path / "a b").write_text("here")
    for name in (str(tmp_path / "a b"), f"file:{tmp_path}/a b", (tmp_path / "a b").as_uri()):
        system, path = filesystem(name)
        with system.open_input_file(path) as stream:
            assert stream.read() == b"here"


def test_amazons_own_s3_needs_a_region_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hadoop_settings() == storage_options() == {}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert hadoop_settings() == {"fs.s3a.endpoint.region": "eu-west-1"}
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert hadoop_settings() == {"fs.s3a.endpoint.region": "eu-central-1"}


@pytest.mark.parametrize(("scheme", "encrypted"), [("http", "false"), ("https", "true")])
def test_another_endpoint_is_told_to_spark_and_to_deltalake(
    monkeypatch: pytest.MonkeyPatch, scheme: str, encrypted: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{scheme}://127.0.0.1:9000")
    assert hadoop_settings() == {
        "fs.s3a.endpoint": f"{scheme}://127.0.0.1:9000",
        "fs.s3a.connection.ssl.enabled": encrypted,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.endpoint.region": "us-east-1",
    }
    assert storage_options() == ({"allow_http": "true"} if scheme == "http" else {})


def test_no_secret_is_handed_to_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example")
    assert "hidden" not in str(hadoop_settings()) + str(storage_options())
