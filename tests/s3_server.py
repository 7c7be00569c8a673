"""An S3 server on loopback for tests and the demo, in the environment that `make object-store` makes."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.spark.session import object_store_jars

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".s3-venv" / "bin" / "python"
BUCKET = "reasonrec"
FORGETFUL = "forgetful"  # a bucket that does not know `If-None-Match`


def missing(spark: bool = False) -> str:
    """Why there is no S3 server here, or, for `spark`, why Spark cannot speak to it; empty where nothing is missing."""
    if not PYTHON.exists() or (spark and not object_store_jars()):
        return "an S3 server is not set up: `make object-store` fetches it"
    return ""


@contextmanager
def s3_server(log: Path) -> Iterator[dict[str, str]]:
    """Starts a server with two buckets; gives the variables by which clients find it, a random secret among them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with (
        log.open("w") as out,
        subprocess.Popen([str(PYTHON), "-m", "tests.s3_app", str(port)], cwd=ROOT, stdout=out, stderr=out) as process,
    ):
        try:
            for bucket in (BUCKET, FORGETFUL):
                _make_bucket(f"{endpoint}/{bucket}")
            yield {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "reasonrec-tests",
                "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            }
        finally:
            process.terminate()


def _make_bucket(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
