from __future__ import annotations

import pytest

from libs.spark.errors import root_cause, storage_fault


class Java:
    """A Java exception as py4j shows it."""

    def __init__(self, text: str, cause: Java | None = None) -> None:
        self.text, self.cause = text, cause

    def toString(self) -> str:
        return self.text

    def getCause(self) -> Java | None:
        return self.cause


class Py4J(Exception):
    def __init__(self, java: Java) -> None:
        super().__init__("An error occurred while calling o1.save.")
        self.java_exception = java


FULL = Py4J(
    Java(
        "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/wh/bronze/orders.",
        Java("org.apache.hadoop.fs.FSError: java.io.IOException: No space left on device"),
    )
)
BROKEN = Py4J(
    Java(
        "org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file"
        " file:///wh/silver/events/part-0.parquet.  SQLSTATE: KD001",
        Java("java.lang.RuntimeException: file:/wh/silver/events/part-0.parquet is not a Parquet file."),
    )
)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FULL, "file:///wh/bronze/orders: java.io.IOException: No space left on device"),
        (
            BROKEN,
            "file:///wh/silver/events/part-0.parquet: file:/wh/silver/events/part-0.parquet is not a Parquet file.",
        ),
    ],
)
def test_a_fault_of_a_disk_or_file_is_one_line_that_names_it(error: Exception, line: str) -> None:
    assert storage_fault(error) == f"{line}; fix it, then run again"


def test_other_faults_are_not_taken_for_it() -> None:
    assert storage_fault(ValueError("no such column: file")) is None
    assert storage_fault(Py4J(Java("java.lang.NullPointerException"))) is None


def test_the_root_cause_is_the_innermost_message() -> None:
    assert root_cause(FULL) == "java.io.IOException: No space left on device"
    assert root_cause(ValueError("one\ntwo")) == "one"
    assert root_cause(ValueError()) == ""
