"""Thirty clean days raise nothing; each planted fault raises one alarm, of its own kind."""

import doctest
import random
from datetime import date, timedelta

import pytest

from jobs.monitoring.table_health import as_alarms
from libs.quality import health
from libs.quality.health import Limits, findings, missing_days

FIRST, T = date(2020, 3, 2), "silver.transactions"  # a Monday
LIMITS = Limits()


def is_open(day):
    return day.weekday() != 5


def clean(days=35, seed=7):
    """Daily figures of a shop closed on Saturdays: 400 rows a day or so, twice as many on Sundays."""
    draw, figures = random.Random(seed), {}
    for day in (FIRST + timedelta(days=i) for i in range(days)):
        rows = 0 if not is_open(day) else round(draw.gauss(800 if day.weekday() == 6 else 400, 20))
        told = {("", "rows"): rows, ("", "rows_in"): rows}
        if rows:
            told |= {
                ("", "content"): draw.randrange(2**52),
                ("", "newest_lag_hours"): draw.uniform(2, 4),
                ("", "quarantined_share"): draw.uniform(0, 0.01),
                ("", "duplicate_share"): 0.0,
                ("user_id", "null_share"): draw.gauss(0.2, 0.02),
                ("price", "median"): draw.gauss(2.1, 0.1),
                ("quantity", "median"): draw.choice([2.0, 3.0, 3.0]),
            }
        for (column, metric), value in told.items():
            figures.setdefault((T, column, metric), {})[day] = float(value)
    return figures


def alarms(figures, days=35):
    found = [f for i in range(days) for f in findings(figures, T, FIRST + timedelta(days=i), is_open, LIMITS)]
    return [(alarm.kind, alarm.subject, alarm.message[:10]) for alarm in as_alarms(found)]


@pytest.mark.parametrize("seed", range(20))
def test_clean_days_with_closed_saturdays_raise_nothing(seed):
    assert alarms(clean(seed=seed)) == []


LAST = FIRST + timedelta(days=34)  # a Sunday
FRIDAY = LAST - timedelta(days=2)


def change(figures, day, **values):
    for name, value in values.items():
        column, _, metric = name.partition("__")
        series = figures.setdefault((T, column, metric), {})
        if value is None:
            series.pop(day, None)
        else:
            series[day] = value
    return figures


def planted(name):
    figures = clean()
    rows, content = (figures[T, "", metric] for metric in ("rows", "content"))
    empty = dict.fromkeys(("__content", "__newest_lag_hours", "user_id__null_share", "price__median"))
    earlier = LAST - timedelta(days=9)
    return {
        "zero rows": lambda: change(figures, LAST, __rows=0.0, __rows_in=0.0, **empty),
        "all quarantined": lambda: change(figures, LAST, __rows=0.0, __quarantined_share=1.0, **empty),
        "yesterday's very rows": lambda: change(
            figures, LAST, __rows=0.0, __rows_in=400.0, __duplicate_share=1.0, **empty
        ),
        "yesterday with new times": lambda: change(
            figures, LAST, __rows=rows[FRIDAY], __content=content[FRIDAY], __newest_lag_hours=3.0
        ),
        "an older day with new times": lambda: change(figures, FRIDAY, __content=content[earlier]),
        "half a day": lambda: change(figures, FRIDAY, __rows=150.0, __newest_lag_hours=14.0),
        "rows twice and more": lambda: change(figures, FRIDAY, __rows=2.5 * rows[FRIDAY]),
        "no evening": lambda: change(figures, FRIDAY, __rows=300.0, __newest_lag_hours=9.0),
        "prices in pence": lambda: change(figures, FRIDAY, price__median=210.0),
        "prices up by half": lambda: change(figures, FRIDAY, price__median=3.15),
        "users not told": lambda: change(figures, FRIDAY, user_id__null_share=0.9),
        "rows malformed": lambda: change(figures, FRIDAY, __quarantined_share=0.12),
    }[name]()


@pytest.mark.parametrize(
    "fault, kind, day, subject",
    [
        ("zero rows", "empty_day", LAST, T),
        ("all quarantined", "empty_day", LAST, T),
        ("yesterday's very rows", "repeated_day", LAST, T),
        ("yesterday with new times", "repeated_day", LAST, T),
        ("an older day with new times", "repeated_day", FRIDAY, T),
        ("half a day", "volume", FRIDAY, T),
        ("rows twice and more", "volume", FRIDAY, T),
        ("no evening", "freshness", FRIDAY, T),
        ("prices in pence", "drift", FRIDAY, f"{T}.price"),
        ("prices up by half", "drift", FRIDAY, f"{T}.price"),
        ("users not told", "null_rate", FRIDAY, f"{T}.user_id"),
        ("rows malformed", "quarantine_rate", FRIDAY, T),
    ],
)
def test_a_planted_fault_raises_one_alarm(fault, kind, day, subject):
    assert alarms(planted(fault)) == [(kind, subject, str(day))]


def test_a_closed_day_a_thin_table_and_a_first_week_are_not_judged():
    saturday = LAST - timedelta(days=1)
    assert alarms(change(clean(), saturday, __rows=3.0)) == []
    thin = {key: {d: v / 100 if key[2] == "rows" else v for d, v in series.items()} for key, series in clean().items()}
    assert alarms(change(thin, LAST, __rows=0.0)) == []
    young = {key: {d: v for d, v in series.items() if d < FIRST + timedelta(days=5)} for key, series in clean().items()}
    assert alarms(change(young, FRIDAY - timedelta(days=28), price__median=99.0)) == []


def test_open_days_that_no_run_brought_in_are_found_once_by_the_next_window():
    days = {FIRST + timedelta(days=i) for i in range(4)}  # Monday to Thursday
    assert missing_days(days, FIRST + timedelta(days=4), is_open) == []
    assert missing_days(days, FIRST + timedelta(days=5), is_open) == [FIRST + timedelta(days=4)]
    # Sunday's window, a Saturday between: closed.
    assert missing_days(days | {FIRST + timedelta(days=4)}, FIRST + timedelta(days=6), is_open) == []
    assert missing_days(set(), FIRST, is_open) == []
    assert missing_days(days, FIRST, is_open) == []


def test_the_examples_of_the_formulas_hold():
    assert doctest.testmod(health) == (0, 2)
