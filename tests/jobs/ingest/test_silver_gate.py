"""The silver gate looks at what the window brought in."""

from __future__ import annotations

from datetime import date

import pytest

from libs.errors import GateError
from tests.builders import event
from tests.conftest import Warehouse

USER = "0" * 32
COUNTS = {"day": date(2020, 1, 5), "source": "orders", "kind": "transactions", "rows_in": 1, "silver": 1,
          "quarantined": 0, "duplicates": 0, "excluded": 0}  # fmt: skip


def test_good_rows_pass_and_older_windows_are_not_judged_again(warehouse: Warehouse) -> None:
    warehouse.seed("silver.events", [event(USER, "mug", "2020-01-05"), event("raw-id", "mug", "2019-12-31")])
    warehouse.seed("quality.ingest_counts", [COUNTS])
    warehouse.run("ingest.silver_gate")
    found = warehouse.rows("quality.gate_results", "table", "check", "passed")
    assert ("silver.events", "expect_column_values_to_match_regex(user_id)", True) in found
    assert all(passed for _, _, passed in found)


def test_a_raw_user_id_or_an_unaccounted_row_stops_the_run(warehouse: Warehouse) -> None:
    warehouse.seed("silver.events", [event("raw-id", "mug", "2020-01-05")])
    warehouse.seed("quality.ingest_counts", [COUNTS | {"rows_in": 2}])
    with pytest.raises(GateError) as caught:
        warehouse.run("ingest.silver_gate")
    assert str(caught.value).startswith(
        "gate silver failed, nothing is published: silver.events: expect_column_values_to"
    )
    assert "(and 1 more, see quality.gate_results)" in str(caught.value)
