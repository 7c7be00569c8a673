"""docs/mapping.md: its examples are valid, and no key is missing."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from libs.conf.shop import SourceConf
from libs.ingest.hints import hint

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_each_example_is_a_valid_source_and_each_key_has_one() -> None:
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
    sources = [SourceConf.model_validate(source) for example in examples for source in example.values()]
    assert {"transactions", "products", "users", "social_edges"} == {source.kind for source in sources}
    # `multiline` is taken from older mappings and changes nothing.
    assert set().union(*(source.model_fields_set for source in sources)) == set(SourceConf.model_fields) - {"multiline"}


def test_the_table_of_refused_values_says_what_the_message_says() -> None:
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", PAGE, re.M)
    assert len(rows) > 8
    for value, sql in rows:
        name = re.findall(r"price|rating|day|ts", sql)[0]
        type_, what = ("timestamp", "a time") if name in ("day", "ts") else ("double", "a number")
        reason = "rating is not 1 to 5" if "/ 2" in sql else f"x is not {what}"
        advice = hint(reason, "x", type_, name, "7" if "/ 2" in sql else value)
        assert (advice or "").startswith(f"write {sql} in columns.x"), (value, advice)
