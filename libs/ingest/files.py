"""A shop's source files: found, named, opened on the driver, and watched while they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from libs.errors import OperatorError
from libs.spark.errors import file_uri

_FILE_IN_ERROR = re.compile(r"reading file (\S+?)\.?\s|for file:? ?(?:FileStatus\{path=)?([^\s;]+)")
_CAUSE = re.compile(r"Caused by: [\w.$]+: (.+)")
HEAD_BYTES = 65_536  # of a file, in which its header is looked for
_DATE_PLACEHOLDER = "0000-00-00"


class SourceFile(NamedTuple):
    path: str  # as Hadoop writes it
    key: str  # as Spark writes it in _metadata.file_path
    wide: bool = False  # its encoding has more than a byte for a line end

    @property
    def shown(self) -> str:
        return file_uri(self.key)


def uri(root: Path, path: str) -> str:
    """A path as a URI; one without a scheme is a file, relative to the project's root."""
    if re.match(r"[a-z][a-z0-9+.-]*:/", path):
        return path
    return "file://" + (root / path).resolve().as_posix()


def files_at(spark: SparkSession, path: str) -> list[SourceFile]:
    """Data files at a path, which may be a pattern or a folder; folders are searched through."""
    jvm: Any = spark._jvm
    pattern = jvm.org.apache.hadoop.fs.Path(path)
    system = pattern.getFileSystem(spark._jsc.hadoopConfiguration())
    files: list[SourceFile] = []
    folders = [list(system.globStatus(pattern) or [])]
    while folders:
        for status in folders.pop():
            if status.isDirectory():
                entries = system.listStatus(status.getPath())
                folders.append([s for s in entries if not s.getPath().getName().startswith(("_", "."))])
            else:
                files.append(_file(status.getPath()))
    return sorted(files)


def as_file(spark: SparkSession, path: str) -> SourceFile:
    jvm: Any = spark._jvm
    return _file(jvm.org.apache.hadoop.fs.Path(path))


def _file(path: Any) -> SourceFile:
    return SourceFile(path.toString(), re.sub(r"^file:/+", "file:/", path.toUri().toString()))


def literal(file: SourceFile) -> str:
    """A file's path for Spark's readers, which take some signs for a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", file.path)


def date_pattern(spark: SparkSession, full: str) -> str:
    """Regex whose first group is `{date}` in a file's path as Spark writes it."""
    jvm: Any = spark._jvm
    path = re.escape(jvm.org.apache.hadoop.fs.Path(full.replace("{date}", _DATE_PLACEHOLDER)).toUri().getRawPath())
    first, *others = path.replace(r"\*", "[^/]*").split(re.escape(_DATE_PLACEHOLDER))
    return r"\1".join([first + r"(\d{4}-\d{2}-\d{2})" + others[0], *others[1:]])


def first_bytes(spark: SparkSession, files: list[SourceFile]) -> list[bytes]:
    """The first bytes of each file, unpacked."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()

    def read(file: SourceFile) -> bytes:
        path = jvm.org.apache.hadoop.fs.Path(file.path)
        try:
            stream = path.getFileSystem(conf).open(path)
            codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf).getCodec(path)
            stream = codec.createInputStream(stream) if codec else stream
            head = bytes(stream.readNBytes(HEAD_BYTES))
            stream.close()
        except Py4JJavaError as error:
            raise broken_file(file.shown, str(error.java_exception.getMessage())) from None
        return head

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(read, files))


def is_wide(encoding: str, head: bytes) -> bool:
    """Whether text in an encoding, or with this beginning, has more than a byte for a line end."""
    name = encoding.replace("-", "").replace("_", "").lower()
    return name.startswith(("utf16", "utf32")) or head[:2] in (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def readable(spark: SparkSession) -> Iterator[None]:
    """Turns any error about an unreadable file, whenever Spark notices it, into one line that names the file.

    Spark's log is off inside: Spark would print the stack traces of failed tasks, and the error is raised anyway.
    """
    spark.sparkContext.setLogLevel("OFF")
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        file = _FILE_IN_ERROR.search(str(error))
        if file is None:
            raise
        causes = _CAUSE.findall(str(error))
        raise broken_file(file_uri(file[1] or file[2]), causes[-1] if causes else "") from None
    finally:
        spark.sparkContext.setLogLevel("ERROR")


@contextmanager
def unchanged(spark: SparkSession, files: list[str]) -> Iterator[None]:
    """Raises OperatorError if a file changes while it is read: several passes must see the same rows.

    The tables written inside are then wrong; a rerun replaces them.
    """
    before = {file: _size_and_time(spark, file) for file in files}
    yield
    for file, size_and_time in before.items():
        if _size_and_time(spark, file) != size_and_time:
            raise OperatorError(f"{file_uri(file)} changed while it was read; run again when its delivery is complete")


def _size_and_time(spark: SparkSession, file: str) -> tuple[int, int] | None:
    """(bytes, modification time in ms); None if the file is gone."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(jvm.java.net.URI(file))
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    if not system.exists(path):
        return None
    status = system.getFileStatus(path)
    return status.getLen(), status.getModificationTime()


def broken_file(file: str, cause: str) -> OperatorError:
    told = f" ({' '.join(cause.split())[:160]})" if cause else ""
    return OperatorError(f"cannot read {file}: the file is broken{told}; deliver it again, then rerun")
