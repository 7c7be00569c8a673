"""Files at a URI: on a local disk, S3, Azure or Google, configured by environment variables only.

One client serves all object stores: deltalake's, which also reads the tables' logs for `reasonrec sql`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
from deltalake.fs import DeltaStorageHandler
from pyarrow import fs

STORES = ("s3", "s3a", "abfs", "abfss", "gs")
_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")  # of the environment variables that configure the stores


def is_store(uri: str) -> bool:
    """Whether a URI lies in an object store."""
    return urlparse(uri).scheme in STORES


def filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """(file system, path in it) of a `file:` URI, a plain path, or a URI in an object store.

    Folders of an object store are key prefixes: they exist only while an object lies in them.
    """
    if "://" not in uri:
        uri = Path(uri.removeprefix("file:")).resolve().as_uri()
    if not is_store(uri):
        local: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(uri)
        return local
    parts = urlparse(uri)
    bucket = _Handler(f"{parts.scheme}://{parts.netloc}", storage_options())
    return fs.PyFileSystem(bucket), unquote(parts.path).strip("/")


def storage_options() -> dict[str, str]:
    """Options for deltalake beyond the variables that it reads by itself: AWS_*, AZURE_*, GOOGLE_*."""
    return {"allow_http": "true"} if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://") else {}


def variables() -> dict[str, str]:
    """The variables that open the same stores in another process: Spark passes them to its JVMs, not to Python."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}


def hadoop_settings() -> dict[str, str]:
    """AWS_ENDPOINT_URL and AWS_REGION as Hadoop settings; Hadoop reads credentials from the environment by itself."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION", os.environ.get("AWS_DEFAULT_REGION"))
    settings = {"fs.s3a.endpoint.region": region} if region else {}
    if endpoint:
        settings |= {
            "fs.s3a.endpoint": endpoint,
            "fs.s3a.connection.ssl.enabled": str(not endpoint.startswith("http://")).lower(),
            # The bucket comes after the host, not before it, as with MinIO, Ceph and deltalake.
            "fs.s3a.path.style.access": "true",
            "fs.s3a.endpoint.region": region or "us-east-1",
        }
    return settings


class _Handler(DeltaStorageHandler):  # type: ignore[misc]
    """deltalake's handler for the old pyarrow that petastorm needs, which writes buffers where bytes are expected."""

    def open_output_stream(self, path: str, metadata: dict[str, str] | None = None) -> pa.PythonFile:
        return pa.PythonFile(_Sink(self._handler.open_output_stream(path, metadata)), mode="w")


class _Sink(io.RawIOBase):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data))
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.close()
