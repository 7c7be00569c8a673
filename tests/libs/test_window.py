from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.errors import OperatorError
from libs.window import Window, fold_cutoffs, parse_day, start_of, train_cutoff

DAYS = st.dates(date(1980, 1, 1), date(2060, 1, 1))


def test_a_window_ends_after_it_starts():
    with pytest.raises(OperatorError, match="ends before it starts"):
        Window(date(2020, 1, 2), date(2020, 1, 2))


def test_a_business_day_is_the_shops_own_and_has_23_hours_when_clocks_go_forward():
    day = Window(date(2011, 3, 27), date(2011, 3, 28), "Europe/London")
    start, end = day.instants
    assert start == datetime(2011, 3, 27, tzinfo=UTC)  # still winter time
    assert end - start == timedelta(hours=23)
    assert start_of(date(2011, 7, 1), "Europe/London") == datetime(2011, 6, 30, 23, tzinfo=UTC)


def test_a_window_s_days_are_windows_that_make_it_up_oldest_first():
    days = Window(date(2012, 2, 28), date(2012, 3, 2), "Europe/London").days()
    assert [day.as_of.isoformat() for day in days] == ["2012-02-29", "2012-03-01", "2012-03-02"]
    assert all(day.timezone == "Europe/London" and (day.end - day.start).days == 1 for day in days)


@given(DAYS, st.integers(1, 60))
def test_the_training_day_is_at_or_before_the_day_and_the_same_until_the_next_one(as_of, every):
    cutoff = train_cutoff(as_of, every)
    assert cutoff <= as_of < cutoff + timedelta(days=every)
    assert train_cutoff(cutoff, every) == cutoff
    assert train_cutoff(cutoff + timedelta(days=every - 1), every) == cutoff


def test_weekly_training_days_are_mondays():
    assert train_cutoff(date(2014, 7, 3), 7) == date(2014, 6, 30)
    assert date(2014, 6, 30).weekday() == 0
    assert train_cutoff(date(2014, 7, 3), 1) == date(2014, 7, 3)


def test_folds_end_where_training_begins_and_one_more_than_is_measured_gives_the_first_weights():
    # Measured: [05-05, 06-02) and [06-02, 06-30); weights of the first from [04-07, 05-05).
    assert fold_cutoffs(date(2014, 6, 30), 28, 2) == [date(2014, 4, 7), date(2014, 5, 5), date(2014, 6, 2)]


def test_a_day_that_cannot_be_read_is_named_with_its_option():
    with pytest.raises(OperatorError, match="--start: '1/2/2014' is not a day"):
        parse_day("1/2/2014", "--start")
