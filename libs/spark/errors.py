"""Errors of Spark and of storage as one line, without a Java stack trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# A file or table as a URI, or as a path on the driver's disk.
_PLACE = re.compile(
    r"(?:file|s3a?|hdfs|abfss?|gs):/+[^\s,;:'\"()\[\]{}]+|(?<![\w/.])/(?:[^\s,;:'\"()\[\]{}/]+/)+[^\s,;:'\"()\[\]{}/]+"
)
_EXCEPTION_MESSAGE = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error|Failure): (.+)$", re.MULTILINE)
# Faults that an operator can fix: a disk, a permission, a file.
_STORAGE = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|Read-only file system|Permission denied"
    r"|Mkdirs failed|mkdir of|reading file|FAILED_READ_FILE|FileNotFoundException|not a Parquet file"
    r"|Input/output error|DELTA_(?:LOG_FILE|TRUNCATED|STATE|FILE_NOT_FOUND|FAILED_READ|VERSIONS_NOT)\w*"
    r"|MALFORMED_RECORD|JsonParseException|JsonEOFException"
    # Object stores: messages of Spark's client and of deltalake's.
    r"|AccessDenied|NoSuchBucket|Bucket does not exist|InvalidAccessKeyId|SignatureDoesNotMatch|NoAuthWithAWSException"
    r"|Unable to load credentials|Connect to \S+ failed|Connection refused|Generic \S+ error"
)

# The error document of S3.
_S3_ERROR = re.compile(r"<\?xml.*?<Code>(.*?)</Code>\s*<Message>(.*?)</Message>.*</Error>", re.DOTALL)


def storage_fault(error: BaseException) -> str | None:
    """One line with the file and the storage system's message; None if the error is not a storage fault."""
    lines = [line for text in _texts(error) for line in text.splitlines()]
    fault_lines = [line.strip() for line in lines if _STORAGE.search(line)]
    if not fault_lines:
        return None
    places = [place for line in fault_lines for place in _PLACE.findall(line)]
    places = places or [place for line in lines for place in _PLACE.findall(line)]
    cause = re.sub(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): ", "", fault_lines[-1])
    prefix = f"{file_uri(places[0]).rstrip('.')}: " if places else ""
    return f"{prefix}{' '.join(cause.split())[:300]}; fix it, then run again"


def root_cause(error: BaseException) -> str:
    """The first line of the innermost exception's message."""
    texts = list(_texts(error))
    messages = _EXCEPTION_MESSAGE.findall("\n".join(texts))
    text = messages[-1] if messages else texts[-1].strip()
    return text.splitlines()[0].strip()[:500] if text else ""


def _texts(error: BaseException) -> Iterator[str]:
    """The messages of a chain of Java exceptions, outermost first; of any other error its own message."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if java is None:
        # deltalake's client prints the chain of causes over several lines, in colour.
        text = re.sub(r"\s*\x1b\[[\d;]*m↳\x1b\[[\d;]*m\s*", ": ", str(error))
        yield _S3_ERROR.sub(r"\1: \2", text)
    for _ in range(20):
        if java is None:
            return
        yield str(java.toString())
        java = java.getCause()


def file_uri(path: str) -> str:
    """A Hadoop path for messages: file:///x, where Hadoop writes file:/x."""
    return re.sub(r"^file:/+", "file:///", path)
