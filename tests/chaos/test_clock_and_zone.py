"""The host's clock and time zone do not affect the tables of a night."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession

from tests.chaos.conftest import NIGHT, TUESDAY, Shop
from tests.conftest import Warehouse
from tests.jobs.ingest.shops import JOBS, order, orders_source, write_orders

# Preloaded before the C library: shifts the wall clock, and no other clock, by CHAOS_CLOCK seconds.
_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long off(void) { return atol(getenv("CHAOS_CLOCK")); }
int clock_gettime(clockid_t id, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int done = real(id, at);
  if (!done && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += off();
  return done;
}
time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
int gettimeofday(struct timeval *at, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}
"""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """A library for LD_PRELOAD that shifts the wall clock."""
    (tmp_path / "clock.c").write_text(_SHIM)
    library = tmp_path / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    return library


@pytest.mark.fault("the clock a day off", "another host time zone")
def test_a_wrong_clock_and_another_zone_change_no_table(shop: Shop, equal: Callable[[Shop], None], clock: Path) -> None:
    day = 86400
    wrong = {"LD_PRELOAD": str(clock), "CHAOS_CLOCK": str(day), "TZ": "Pacific/Kiritimati"}
    before = datetime.now(ZoneInfo("UTC"))
    child = shop.child("run", "daily", *NIGHT, environment=wrong).wait()
    assert child.status == 0, child.log
    [(published,)] = shop.rows("SELECT max(published_at) FROM results.releases")
    assert published - before > timedelta(hours=23), "the clock was not off"
    assert shop.release() == f"{TUESDAY}-01"
    equal(shop)


@pytest.mark.fault("a leap day", "daylight saving")
@pytest.mark.parametrize("days", [("2020-02-28", 3), ("2020-03-28", 3), ("2020-10-24", 3)])
def test_each_hour_of_odd_days_falls_on_one_business_day(
    spark: SparkSession, tmp_path: Path, days: tuple[str, int]
) -> None:
    """London in 2020: there is a 29 February, 29 March has 23 hours, 25 October has 25. Daily runs equal one window."""
    zone, first = ZoneInfo("Europe/London"), date.fromisoformat(days[0])
    begin, end = (datetime.combine(first + timedelta(days=n), datetime.min.time(), zone) for n in (0, days[1]))
    instant, lines, expected = begin.astimezone(ZoneInfo("UTC")), [], {}
    while instant < end.astimezone(ZoneInfo("UTC")):
        lines.append(order(order_id=f"o{len(lines)}", event_time=f"{instant:%Y-%m-%dT%H:%M:%SZ}"))
        day = instant.astimezone(zone).date()
        expected[day] = expected.get(day, 0) + 1
        instant += timedelta(hours=1)
    assert sum(expected.values()) in (71, 72, 73)
    source = orders_source(write_orders(tmp_path / "orders.csv", lines))
    shops = [Warehouse(spark, tmp_path / name, timezone="Europe/London", sources={"orders": source}) for name in "ab"]
    windows = [
        [first + timedelta(days=n) for n in (0, days[1])],
        [first + timedelta(days=n) for n in range(days[1] + 1)],
    ]
    for shop, ends in zip(shops, windows, strict=True):
        for start, stop in pairwise(ends):
            for job in JOBS:
                shop.run(job, start=str(start), end=str(stop))
        counts = {row["day"]: row["count"] for row in shop.read("silver.events").groupBy("day").count().collect()}
        assert counts == expected
