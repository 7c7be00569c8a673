"""Where a record ends, worked out by hand: only quotes and brackets say so."""

from __future__ import annotations

import re

import pytest

from libs.ingest.records import JSON_RECORD, CsvGrammar, csv_records, json_records

COMMA = CsvGrammar(",")


def records(text: str, grammar: CsvGrammar = COMMA, fields: int | None = None) -> list[tuple[str, bool]]:
    return list(csv_records(text.split("\n"), grammar, fields))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('1,"a\nu9,p9,b"\n2,c', [('1,"a\nu9,p9,b"', False), ("2,c", False)]),  # a line that looks like a row
        ('1, "a\nb"\n2,c', [('1, "a\nb"', False), ("2,c", False)]),  # a blank before the quote
        ('1,"a""\nb"', [('1,"a""\nb"', False)]),  # a doubled quote closes nothing
        ('1,"a\n\nb"\n\n2,c', [('1,"a\n\nb"', False), ("2,c", False)]),  # blank lines count in quotes only
        ('1,"open\n2,b\n3,c', [('1,"open', True), ("2,b", False), ("3,c", False)]),
        ('1,"open\n2,"b"\n3,c', [('1,"open', True), ('2,"b"', False), ("3,c", False)]),
        ('1,"12" vinyl"\n2,b', [('1,"12" vinyl"', True), ("2,b", False)]),
        ('1,12" vinyl\n2,b', [('1,12" vinyl', False), ("2,b", False)]),  # in an unquoted field it is a sign
        ('1,"a\nb",c\n2,d', [('1,"a', True), ('b",c', False), ("2,d", False)]),  # three fields of two
    ],
)
def test_records_of_lines(text: str, expected: list[tuple[str, bool]]) -> None:
    assert records(text, fields=2) == expected


def test_a_quote_that_is_never_closed_does_not_take_in_a_long_file() -> None:
    assert records('1,"open\n' + "2,b\n" * 400_000, fields=2)[:2] == [('1,"open', True), ("2,b", False)]


def test_fields_are_unquoted_and_their_blanks_are_gone() -> None:
    assert COMMA.fields('1, "x\ny" ,, a ,"b ""c"" ",') == ["1", "x\ny", "", "a", 'b "c" ', ""]
    assert CsvGrammar("||").fields('a||"b||c"||d|e') == ["a", "b||c", "d|e"]


def test_escapes_of_a_database_are_rewritten_with_doubled_quotes() -> None:
    grammar = CsvGrammar("\t", '"', "\\")
    rows = records('1\tx\\\ny\n2\t"say \\"z\\""\n3\t\\N\n4\ta\\\tb\\\\', grammar, 2)
    assert [bad for _, bad in rows] == [False] * 4
    assert [grammar.fields(row) for row, _ in rows] == [["1", "x\ny"], ["2", 'say "z"'], ["3", r"\N"], ["4", "a\tb\\"]]
    assert [grammar.rewritten(row) for row, _ in rows][1] == '"2"\t"say ""z"""'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1}{"b":2} {"c":3}', [('{"a":1}', False), ('{"b":2}', False), ('{"c":3}', False)]),
        ('{"a":1} xyz\n{"b":2}', [('{"a":1} xyz', True), ('{"b":2}', False)]),
        ('[{"a":1},\n{"b":"}]"}\n]', [('{"a":1}', False), ('{"b":"}]"}', False)]),
        ('[\n  {\n"a": [1]\n  },\n{}]', [('{\n"a": [1]\n  }', False), ("{}", False)]),
        ('{"a":"cut\n{"b":2}', [('{"a":"cut', True), ('{"b":2}', False)]),
        ('{"a":1,\n{"b":2}', [('{"a":1,', True), ('{"b":2}', False)]),
        ('{"a":1}}\n{"b":2}', [('{"a":1}}', True), ('{"b":2}', False)]),
        ("[1, 2]\nnull", [("[1, 2]", True), ("null", True)]),
    ],
)
def test_objects_of_lines(text: str, expected: list[tuple[str, bool]]) -> None:
    assert list(json_records(text.split("\n"))) == expected


def test_a_line_that_is_one_object_is_seen_as_such() -> None:
    for line, whole in [
        ('{"a":{"b":[{"c":"}"}]}}', True),
        (" {} ", True),
        ('{"a":1},', False),
        ('{"a":1}{"b":2}', False),
    ]:
        assert bool(re.fullmatch(JSON_RECORD, line)) is whole, line
