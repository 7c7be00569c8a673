"""Which rule speaks first, and what is let through."""

import pytest

from libs.rerank.rules import BLOCKLIST, NOT_MERCHANDISE, OUT_OF_STOCK, OWNED, rejection_reasons

GOOD = {"in_stock": True, "merchandise": True, "owned": False, "repurchasable": False, "blocklist": ()}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"in_stock": False}, OUT_OF_STOCK),
        ({"merchandise": False}, NOT_MERCHANDISE),
        ({"blocklist": ["p"]}, BLOCKLIST),
        ({"blocklist": ["q"]}, None),
        ({"owned": True}, OWNED),
        ({"owned": True, "repurchasable": True}, None),
        ({"owned": True, "in_stock": False}, OUT_OF_STOCK),
        ({"owned": True, "in_stock": False, "blocklist": {"p"}}, BLOCKLIST),
        ({"owned": True, "in_stock": False, "blocklist": {"p"}, "merchandise": False}, NOT_MERCHANDISE),
    ],
)
def test_first_broken_rule_is_the_reason(change, reason):
    assert rejection_reasons(["p"], **{**GOOD, **change}).tolist() == [reason]


def test_one_value_may_stand_for_all_candidates():
    found = rejection_reasons(["a", "b", "c"], **{**GOOD, "owned": [False, True, False], "blocklist": {"c"}})
    assert found.tolist() == [None, OWNED, BLOCKLIST]


def test_no_candidates_no_reasons():
    assert rejection_reasons([], **GOOD).shape == (0,)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError):
        rejection_reasons(["a", "b", "c"], **{**GOOD, "owned": [True, False]})
