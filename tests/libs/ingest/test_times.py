"""What a delivered text says of a time, in the shop's zone."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from libs.ingest.times import day_start, instant, local_day

CASES = {
    "2011-07-01T23:30:00Z": ("2011-07-01 23:30:00", "2011-07-02"),
    "2011-07-02 00:30:00": ("2011-07-01 23:30:00", "2011-07-02"),  # summer: an hour ahead
    "2011-01-02 00:30": ("2011-01-02 00:30:00", "2011-01-02"),
    "2011-07-02": ("2011-07-01 23:00:00", "2011-07-02"),
    "2011-07-02T02:00:00+05:00": ("2011-07-01 21:00:00", "2011-07-01"),
    "2011-07-02 02:00:00.250": ("2011-07-02 01:00:00.25", "2011-07-02"),
    "12:30": (None, None),  # Spark would say: today
    "2011": (None, None),
    "2011-13-01": (None, None),
    "02/07/2011": (None, None),
    "": (None, None),
}


@pytest.fixture(scope="module")
def told(spark: SparkSession) -> dict[str, tuple[str | None, str | None]]:
    zone = "Europe/London"
    rows = spark.createDataFrame([(text,) for text in CASES], "text string")
    rows = rows.withColumn("at", instant(F.col("text"), zone))
    rows = rows.select("text", F.col("at").cast("string"), local_day(F.col("at"), zone).cast("string"))
    return {row[0]: (row[1], row[2]) for row in rows.collect()}


@pytest.mark.parametrize("text", CASES)
def test_a_time_and_its_business_day(told: dict[str, tuple[str | None, str | None]], text: str) -> None:
    assert told[text] == CASES[text]


def test_a_summer_day_begins_an_hour_before_utc_does(spark: SparkSession) -> None:
    day = F.lit("2011-07-02").cast("date")
    row = spark.range(1).select(day_start(day, "Europe/London").cast("string")).first()
    assert row is not None and row[0] == "2011-07-01 23:00:00"
