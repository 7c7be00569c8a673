from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.registry.choice import ModelNotFound, choose_model, weights_checksum

DAYS = st.dates(date(1990, 1, 1), date(2040, 1, 1))


def _row(cutoff: date, version: int = 1, **changes: object) -> dict[str, object]:
    return {"shop": "s", "model": "two_tower", "version": version, "train_cutoff": cutoff} | changes


def test_the_newest_model_that_saw_nothing_later_is_chosen() -> None:
    rows = [_row(date(2014, 6, 2)), _row(date(2014, 6, 16)), _row(date(2014, 6, 9))]
    assert choose_model(rows, date(2014, 6, 15), shop="s", model="two_tower")["train_cutoff"] == date(2014, 6, 9)


def test_a_model_fitted_before_the_day_itself_may_score_it() -> None:
    rows = [_row(date(2014, 6, 2))]
    assert choose_model(rows, date(2014, 6, 2), max_age_days=0, shop="s", model="two_tower") is rows[0]


def test_of_one_cutoff_the_greatest_version_is_chosen() -> None:
    rows = [_row(date(2014, 6, 2), 9), _row(date(2014, 6, 2), 10), _row(date(2014, 6, 2), 2)]
    assert choose_model(rows, date(2014, 7, 1), shop="s", model="two_tower")["version"] == 10


@given(st.lists(DAYS, max_size=6), DAYS)
def test_no_model_of_the_future_is_ever_chosen(cutoffs: list[date], as_of: date) -> None:
    rows = [_row(cutoff) for cutoff in cutoffs]
    if any(cutoff <= as_of for cutoff in cutoffs):
        assert choose_model(rows, as_of, shop="s", model="two_tower")["train_cutoff"] <= as_of
    else:
        with pytest.raises(ModelNotFound):
            choose_model(rows, as_of, shop="s", model="two_tower")


def test_no_model_says_shop_day_and_fix_in_one_line() -> None:
    others = [_row(date(2014, 6, 2), shop="other"), _row(date(2014, 6, 2), model="als"), _row(date(2014, 8, 1))]
    with pytest.raises(ModelNotFound) as error:
        choose_model(others, date(2014, 7, 1), shop="s", model="two_tower")
    message = str(error.value)
    assert "\n" not in message
    assert "shop s" in message
    assert "2014-07-01" in message
    assert "train first: " in message
    assert "--train" in message


def test_a_model_past_its_age_is_refused() -> None:
    rows = [_row(date(2014, 6, 2))]
    assert choose_model(rows, date(2014, 6, 16), max_age_days=14, shop="s", model="two_tower") is rows[0]
    with pytest.raises(ModelNotFound, match="15 days old, the limit is 14"):
        choose_model(rows, date(2014, 6, 17), max_age_days=14, shop="s", model="two_tower")


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
