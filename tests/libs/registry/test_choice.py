from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.errors import OperatorError
from libs.registry.choice import models_of, serving_day, serving_models, weights_checksum, whole_days

DAYS = st.dates(date(2014, 5, 25), date(2014, 6, 5))  # few, so that days meet
MODELS = ("als", "two_tower", "fusion")
MONDAY, NEXT = date(2014, 6, 2), date(2014, 6, 9)


def row(model: str, day: date = MONDAY, version: str = "1", purpose: str = "record") -> dict[str, object]:
    return {"model": model, "version": version, "purpose": purpose, "train_cutoff": day}


def rows() -> st.SearchStrategy[list[dict[str, object]]]:
    purposes = st.sampled_from(["record", "record", "backtest"])
    return st.lists(st.builds(row, st.sampled_from(MODELS), DAYS, st.sampled_from(["1", "2"]), purposes), max_size=12)


def test_a_training_day_is_whole_once_every_model_has_a_record() -> None:
    fits = [row(model) for model in MODELS] + [row("als", NEXT), row("fusion", NEXT)]
    assert whole_days(fits, MODELS) == [MONDAY]
    assert whole_days([*fits, row("two_tower", NEXT, purpose="backtest")], MODELS) == [MONDAY]
    assert whole_days([*fits, row("two_tower", NEXT)], MODELS) == [MONDAY, NEXT]
    # The training group alone is through without the weights.
    assert whole_days([row("als"), row("two_tower")], ("als", "two_tower")) == [MONDAY]
    assert whole_days([row("als"), row("two_tower")], MODELS) == []


def test_the_newest_day_that_saw_nothing_later_serves() -> None:
    days = [MONDAY, date(2014, 6, 16), NEXT]
    assert serving_day(days, date(2014, 6, 15)) == NEXT
    assert serving_day(days, NEXT) == NEXT  # fitted on what was known before the day itself
    assert serving_day(days, date(2014, 6, 1)) is None


def test_a_day_past_its_age_serves_nothing() -> None:
    assert serving_day([MONDAY], date(2014, 6, 16), max_age_days=14) == MONDAY
    assert serving_day([MONDAY], date(2014, 6, 17), max_age_days=14) is None


def test_of_several_fits_of_one_model_the_greatest_version_is_used() -> None:
    fits = [row("als", version="a"), row("als", version="c"), row("als", version="b"), row("fusion", NEXT)]
    assert models_of(fits, MONDAY) == {"als": fits[1]}


@given(rows(), DAYS)
def test_all_models_of_a_night_are_of_one_day_that_saw_nothing_later(
    fits: list[dict[str, object]], as_of: date
) -> None:
    day = serving_day(whole_days(fits, MODELS), as_of)
    if day is None:
        assert not [whole for whole in whole_days(fits, MODELS) if whole <= as_of]
        return
    models = serving_models(fits, day, as_of, 365, shop="s", needed=MODELS)  # what is whole lacks nothing
    assert set(models) == set(MODELS)
    assert {model["train_cutoff"] for model in models.values()} == {day}
    assert {model["purpose"] for model in models.values()} == {"record"}
    assert day <= as_of


@given(rows(), DAYS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(fits: list[dict[str, object]], day: date, random: object) -> None:
    shuffled = random.sample(fits, len(fits))  # type: ignore[attr-defined]
    assert whole_days(shuffled, MODELS) == whole_days(fits, MODELS)
    assert models_of(shuffled, day) == models_of(fits, day)


@pytest.mark.parametrize(
    ("as_of", "needed", "why"),
    [
        (NEXT, ("als", "fusion"), r"training.models has no fusion of 2014-06-02"),
        (date(2014, 6, 1), (), "those of 2014-06-02 have seen what came after"),
        (date(2014, 7, 1), ("als",), "those of 2014-06-02 are older than max_model_age_days=28"),
    ],
)
def test_models_that_may_not_serve_are_refused_in_one_line(as_of: date, needed: tuple[str, ...], why: str) -> None:
    with pytest.raises(OperatorError) as error:
        serving_models([row("als")], MONDAY, as_of, 28, shop="s", needed=needed)
    assert str(error.value) == f"no model of s may be used as of {as_of}: run with --train ({why})"


def test_checksum_follows_names_and_bytes_not_the_folder(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> Path:
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
        return tmp_path / name

    first = weights_checksum(folder("a", x="1", y="2"))
    assert first == weights_checksum(folder("b", y="2", x="1"))
    assert first != weights_checksum(folder("c", x="2", y="1"))
    assert first != weights_checksum(folder("d", x="1", z="2"))
    assert first != weights_checksum(folder("e", x="1"))


def test_checksum_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no model files"):
        weights_checksum(tmp_path)
