"""What went wrong in Spark's machine room, in one line without a Java stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# A file or table by its URI, or by a path of the driver's disk.
_PLACE = re.compile(
    r"(?:file|s3a?|hdfs|abfss?|gs):/+[^\s,;:'\"()\[\]{}]+|(?<![\w/.])/(?:[^\s,;:'\"()\[\]{}/]+/)+[^\s,;:'\"()\[\]{}/]+"
)
_NAMED = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error|Failure): (.+)$", re.MULTILINE)
# What an operator can mend: a disk, a right, a file.
_STORAGE = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|Read-only file system|Permission denied"
    r"|Mkdirs failed|mkdir of|reading file|FAILED_READ_FILE|FileNotFoundException|not a Parquet file"
    r"|Input/output error|DELTA_(?:LOG_FILE|TRUNCATED|STATE|FILE_NOT_FOUND|FAILED_READ|VERSIONS_NOT)\w*"
    r"|MALFORMED_RECORD|JsonParseException|JsonEOFException"
    # An object store: as Spark's client says it, and as deltalake's.
    r"|AccessDenied|NoSuchBucket|Bucket does not exist|InvalidAccessKeyId|SignatureDoesNotMatch|NoAuthWithAWSException"
    r"|Unable to load credentials|Connect to \S+ failed|Connection refused|Generic \S+ error"
)

# What S3 says of an error.
_XML = re.compile(r"<\?xml.*?<Code>(.*?)</Code>\s*<Message>(.*?)</Message>.*</Error>", re.DOTALL)


def storage_fault(error: BaseException) -> str | None:
    """One line that names the file and what the system says of it; None when it is no fault of disks or files."""
    told = [line for text in _texts(error) for line in text.splitlines()]
    at_fault = [line.strip() for line in told if _STORAGE.search(line)]
    if not at_fault:
        return None
    places = [place for line in at_fault for place in _PLACE.findall(line)]
    places = places or [place for line in told for place in _PLACE.findall(line)]
    cause = re.sub(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error): ", "", at_fault[-1])
    named = f"{spoken(places[0]).rstrip('.')}: " if places else ""
    return f"{named}{' '.join(cause.split())[:300]}; mend it, then run again"


def root_cause(error: BaseException) -> str:
    """The first line of the innermost message."""
    texts = list(_texts(error))
    named = _NAMED.findall("\n".join(texts))
    text = named[-1] if named else texts[-1].strip()
    return text.splitlines()[0].strip()[:500] if text else ""


def _texts(error: BaseException) -> Iterator[str]:
    """What each Java exception of the chain says, outermost first; of another error what it says itself."""
    java: Any = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if java is None:
        # deltalake's client draws the chain of causes over several lines, in colours.
        text = re.sub(r"\s*\x1b\[[\d;]*m↳\x1b\[[\d;]*m\s*", ": ", str(error))
        yield _XML.sub(r"\1: \2", text)
    for _ in range(20):
        if java is None:
            return
        yield str(java.toString())
        java = java.getCause()


def spoken(path: str) -> str:
    """Hadoop writes file:/x where people write file:///x."""
    return re.sub(r"^file:/+", "file:///", path)
