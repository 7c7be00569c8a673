"""What DuckDB answers over a warehouse that is not there yet: every table is empty."""

import pytest

from libs.errors import OperatorError
from libs.query.ask import ask


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("recommendations", "results.recommendations"),  # its layer is missing
        ("curent_recommendations", "current_recommendations"),
        ("result.recommendations", "results.recommendations"),
        ("results.recomendations", "results.recommendations"),
        ("enum", "bronze, candidates, features"),  # like none of ours: the layers, never pg_enum
    ],
)
def test_an_unknown_table_is_answered_with_tables_of_our_own(tmp_path, name, meant):
    with pytest.raises(OperatorError) as refused:
        ask(tmp_path.as_uri(), f"SELECT * FROM {name}")
    assert str(refused.value).startswith(f"unknown table '{name}'; did you mean {meant}")
    assert "pg_" not in str(refused.value)


def test_another_error_is_told_in_duckdb_s_words(tmp_path):
    with pytest.raises(OperatorError, match='"scor" not found'):
        ask(tmp_path.as_uri(), "SELECT scor FROM results.recommendations")
