"""Each check of a release by its two sides: what holds, what does not, and what cannot be message."""

from datetime import date, timedelta

import pytest

from libs.quality.audits import (
    Backtest,
    Limits,
    activity_ratio,
    at_least_popular,
    exposure,
    fresh,
    fused,
    none_broken,
    not_below_last,
    not_fewer,
    sources_list,
    users_listed,
    usual_volume,
)

LIMITS = Limits()
DAY = date(2020, 3, 2)  # a Monday


def is_open(day):
    return day.weekday() != 5


def days(n, rows=400.0):
    """n days before DAY with events, the closed ones without."""
    found = [DAY - timedelta(days=i) for i in range(1, n + 1)]
    return {day: rows if is_open(day) else 0.0 for day in found}


def backtest(value, half=0.01, users=500):
    return Backtest(value, value - half, value + half, users)


@pytest.mark.parametrize(
    "now, last, passed, severity",
    [
        (backtest(0.30), backtest(0.30), True, "stop"),
        (backtest(0.28), backtest(0.30), True, "stop"),  # less than a tenth
        (backtest(0.26), backtest(0.30), False, "stop"),  # a fall of .04, noise hypot(.02, .02) / 2 = .014
        (backtest(0.26, half=0.03), backtest(0.30, half=0.03), True, "stop"),  # noise hypot(.06, .06) / 2 = .042
        (backtest(0.10, users=199), backtest(0.30), False, "warn"),
        (backtest(0.10), backtest(0.30, users=199), False, "warn"),
        (backtest(0.10), None, True, "stop"),
        (None, backtest(0.30), True, "stop"),
    ],
)
def test_quality_may_fall_by_its_margin_or_by_noise(now, last, passed, severity):
    found = not_below_last(now, last, LIMITS)
    assert (found.passed, found.severity) == (passed, severity)


def test_the_limit_of_quality_is_the_last_releases_less_the_margin():
    found = not_below_last(backtest(0.26), backtest(0.30), LIMITS)
    assert (found.observed, round(found.limit, 6)) == (0.26, 0.27)
    assert found.message == "0.2600 after 0.3000, noise 0.0141, 500 users"


def test_a_list_worse_than_popular_stops_from_200_test_users_on_and_warns_below():
    def judged(verdict, users):
        found = at_least_popular(Backtest(0.0, -0.1, 0.1, users, verdict))
        return found.passed, found.severity

    assert judged("worse", 200) == (False, "stop")
    assert judged("worse", 199) == (False, "warn")
    assert judged("at least", 900) == judged("not shown", 900) == (True, "stop")
    assert (at_least_popular(None).passed, at_least_popular(None).severity) == (False, "warn")
    # What was measured is not what is published.
    fallen_back = at_least_popular(Backtest(0.0, -0.1, 0.1, 900, "worse"), fallback="als")
    assert (fallen_back.passed, fallen_back.severity) == (False, "warn")


def test_a_fallback_and_a_source_that_lists_nothing_are_warnings_that_say_why():
    assert fused(None, {}).passed
    found = fused("repeat", {"fused": 0.0058, "popular": 0.006})
    assert (found.passed, found.severity, found.observed, found.limit) == (False, "warn", 0.0058, 0.006)
    assert found.message == (
        "they are those of repeat alone: NDCG@10 of the fused lists was 0.0058 in the back-test, popular's 0.0060"
    )
    assert sources_list({}).passed
    found = sources_list({"als": "no known user took anything yet", "transitions": "nothing to learn from yet"})
    assert (found.passed, found.severity) == (False, "warn")
    assert found.message == "als: no known user took anything yet; transitions: nothing to learn from yet"


def test_a_row_that_breaks_a_rule_stops():
    assert none_broken("each sentence is grounded", 0).passed
    assert not none_broken("each sentence is grounded", 1).passed


def test_most_users_need_a_list_from_200_users_on():
    def judged(listed, users):
        found = users_listed(listed, users, LIMITS)
        return found.passed, found.severity

    assert judged(190, 200) == (True, "stop")
    assert judged(189, 200) == (False, "stop")
    assert judged(0, 199) == (False, "warn")  # too few people for a statement about others, say
    assert judged(0, 0) == (False, "warn")  # guests alone


def test_events_must_be_of_the_last_open_day():
    assert fresh(days(30), DAY, is_open, LIMITS).passed
    sunday, saturday = DAY - timedelta(days=1), DAY - timedelta(days=2)
    late = fresh(days(30) | {sunday: 0.0}, DAY, is_open, LIMITS)
    assert (late.passed, late.observed, late.limit, late.severity) == (False, 1, 0, "stop")
    # With 19 events on a usual day one without any may come by chance.
    assert fresh(days(30, rows=19.0) | {sunday: 0.0}, DAY, is_open, LIMITS).severity == "warn"
    # Asked on Sunday, Friday's events are the newest there can be.
    assert fresh({day: n for day, n in days(30).items() if day < saturday}, sunday, is_open, LIMITS).passed
    # What is not known at all is as old as what is known to be empty.
    assert not fresh({day: n for day, n in days(30).items() if day < sunday}, DAY, is_open, LIMITS).passed


def test_a_thin_shop_may_be_twice_its_longest_gap_without_an_event():
    thin = {day: float(day.toordinal() % 3 == 0) for day in days(60)}  # two days between events
    for silence, passed in ((4, True), (9, False)):
        message = {day: n for day, n in thin.items() if day < DAY - timedelta(days=silence)}
        assert fresh(message, DAY, lambda _: True, LIMITS).passed is passed
    assert fresh({}, DAY, is_open, LIMITS).severity == "warn"


@pytest.mark.parametrize(
    "rows, passed", [(400, True), (1200, True), (1601, False), (101, True), (99, False), (0, False)]
)
def test_events_of_the_last_open_day_are_held_against_its_weekday(rows, passed):
    sunday = DAY - timedelta(days=1)
    found = usual_volume(days(35) | {sunday: float(rows)}, DAY, is_open, LIMITS)
    assert (found.passed, found.observed, found.limit) == (passed, rows, 400)


def test_a_thin_or_new_shop_and_a_closed_day_have_no_volume_to_judge():
    sunday = DAY - timedelta(days=1)
    assert usual_volume(days(35, rows=5.0) | {sunday: 0.0}, DAY, is_open, LIMITS).passed
    assert usual_volume(days(3) | {sunday: 1.0}, DAY, is_open, LIMITS).passed
    assert usual_volume({}, DAY, is_open, LIMITS).passed
    saturday = {day: n for day, n in days(35).items() if day < sunday}
    assert usual_volume(saturday, sunday, is_open, LIMITS).observed == 400  # Friday's


def test_lists_may_be_a_tenth_fewer_than_the_last_releases():
    assert not_fewer("rows", 90, 100, 0.1).passed
    assert not not_fewer("rows", 89, 100, 0.1).passed
    assert not_fewer("rows", 1, None, 0.1).passed


def test_less_active_users_need_lists_four_fifths_as_long():
    assert activity_ratio(8.0, 10.0, 200, LIMITS).passed
    found = activity_ratio(7.9, 10.0, 200, LIMITS)
    assert (found.passed, round(found.observed, 2), found.limit, found.severity) == (False, 0.79, 0.8, "stop")
    assert activity_ratio(7.9, 10.0, 199, LIMITS).severity == "warn"
    assert activity_ratio(5.0, None, 200, LIMITS).passed


def test_exposure_is_held_against_the_limit_and_the_last_release():
    """One of two products shown 4 times, the other never: Gini 0.5, 0 at best (libs.evaluation.beyond_accuracy)."""

    def judged(shown, listable, last=None):
        return exposure(shown, listable, 200, last, LIMITS)

    even, uneven = judged({2: 2}, 2), judged({4: 1}, 2)
    assert (even.observed, uneven.observed) == (0.0, 0.5)
    assert even.passed and uneven.passed
    assert judged({4: 1}, 2, last=0.46).passed
    risen = judged({4: 1}, 2, last=0.44)
    assert (risen.passed, risen.limit) == (False, 0.49)
    assert "max_gini_rise 0.05 above the last 0.440" in risen.message
    # 1000 rows of one product of 1000: 0.999, and 0 would be possible.
    crowded = judged({1000: 1}, 1000)
    assert not crowded.passed
    assert crowded.message == (
        "0.999, max_gini 0.98: half of the 1000 rows show 1 of the 1000 products that can be listed"
    )
    assert exposure({1000: 1}, 1000, 199, None, LIMITS).severity == "warn"
    assert exposure({1000: 1}, 1000, 200, None, LIMITS, fallback="popular").severity == "warn"
    assert not judged({}, 2).passed
    assert judged({3: 4}, 2).observed == 0.0  # more products shown than profiles tell


def test_a_catalogue_larger_than_the_lists_is_no_fault_of_the_lists():
    """20,930 rows over 92,333 products have a Gini of at least 1 - 20930 / 92333 = .773."""
    # Gini .985: 2,000 products share the rows, half of them on 350.
    shown = {30: 350, 6: 1404, 4: 502}
    found = exposure(shown, 92_333, 2_093, None, LIMITS)
    assert found.passed and found.observed < 0.95
    # 2,093 users with the same ten products: as uneven as lists of ten can be.
    assert not exposure({2_093: 10}, 92_333, 2_093, None, LIMITS).passed
