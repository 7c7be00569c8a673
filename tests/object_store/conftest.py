"""What needs an S3 server: skipped where `make object-store` was not run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_server import BUCKET, missing, s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty bucket; the variables of its server are set."""
    if why := missing():
        pytest.skip(why)
    with s3_server(tmp_path_factory.mktemp("s3") / "server.log") as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield f"s3a://{BUCKET}"
