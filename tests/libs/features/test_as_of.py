from datetime import date

from libs.features.as_of import FIXED_POINT, as_of, decay, with_age


def test_a_row_counts_for_a_cutoff_only_when_it_happened_and_was_known_before(spark):
    rows = spark.createDataFrame(
        [("on time", date(2020, 1, 1), date(2020, 1, 1)), ("late", date(2020, 1, 1), date(2020, 1, 10))],
        "id string, event_day date, day date",
    )
    found = as_of(rows, [date(2020, 1, 1), date(2020, 1, 5), date(2020, 1, 11)]).select("id", "cutoff").collect()
    # Strictly before: nothing on the cut-off's own day; the late row is unknown on the 5th.
    assert sorted(map(tuple, found)) == [
        ("late", date(2020, 1, 11)),
        ("on time", date(2020, 1, 5)),
        ("on time", date(2020, 1, 11)),
    ]


def test_decay_halves_every_half_life_in_whole_millionths(spark):
    rows = spark.createDataFrame([(date(2020, 1, 11), date(2020, 1, 1)), (date(2020, 1, 3), date(2020, 1, 1))],
                                 "cutoff date, event_day date")  # fmt: skip
    found = with_age(rows).select("age_days", decay("age_days", 10).alias("w")).collect()
    # 2^(-10/10) = .5; 2^(-2/10) = .870550563...
    assert sorted(map(tuple, found)) == [(2, 870551), (10, FIXED_POINT // 2)]
