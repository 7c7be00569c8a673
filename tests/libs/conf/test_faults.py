"""Every mistake in a shop's file is one line that names its key, before anything runs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from libs.conf import load, load_shop, shop_faults
from libs.errors import OperatorError
from libs.languages.pack import languages
from tests.conftest import ROOT, SHOP

ORDERS: dict[str, object] = dict(SHOP["sources"]["orders"])  # type: ignore[index, call-overload]
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a shop's file and returns the folder of conf."""
    (tmp_path / "shops").mkdir()
    (tmp_path / "params").mkdir()
    (tmp_path / "languages").symlink_to(ROOT / "conf" / "languages")
    for name in ("base.yaml", "test.yaml"):
        (tmp_path / name).write_text((ROOT / "conf" / name).read_text())

    def written(text: str) -> Path:
        (tmp_path / "shops" / "tiny.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return written


def text_of(source: dict[str, object] | None = None, **keys: object) -> str:
    shop = {"sources": {"orders": ORDERS | (source or {})}} | keys
    return yaml.safe_dump(shop)


def columns(**changed: object) -> dict[str, object]:
    return {"columns": {**ORDERS["columns"], **changed}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (text_of(currency="usd"), "currency: 'usd' is not an ISO 4217 code; write USD"),
        (text_of(currency="dollars"), "currency: 'dollars' is not an ISO 4217 code; write it as USD or EUR"),
        (text_of(languages=["en", "fr"]), "languages: no language 'fr'; there are LANGUAGES"),
        (text_of(text_language="fr"), "text_language: no language 'fr'; there are LANGUAGES"),
        (text_of(columns(price=5)), "sources.orders.columns.price: 5 is not text to YAML; put the SQL expression in quotes"),
        (text_of(columns(price=None)), "sources.orders.columns.price: is empty; write an SQL expression, or take the line out"),
        (text_of({"where": ""}), "sources.orders.where: is empty; write an SQL expression, or take the line out"),
        (text_of({"exclude": {"gift": True}}), "sources.orders.exclude.gift: True is not text to YAML; put the SQL expression in quotes"),
        ("currency: USD\ncurrency: EUR\n", "currency stands on line 1 and again on line 2; keep one"),
        ("sources:\n  a:\n    columns: {user_id: a}\n    path: x\n    columns: {}\n", "columns stands on line 3 and again on line 5; keep one"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_before_anything_runs(write: Write, text: str, fault: str) -> None:
    root = write(text)
    with pytest.raises(OperatorError) as caught:
        load(root, "test", "tiny")
    # Other tests may add a language.
    fault = fault.replace("LANGUAGES", ", ".join(languages()))
    assert str(caught.value) == f"{root}/shops/tiny.yaml: {fault}"


def test_all_mistakes_of_a_file_are_told_at_once(write: Write) -> None:
    root = write(text_of(columns(price=5) | {"colour": "red"}, currency="usd"))
    assert shop_faults(root, "tiny") == [
        "currency: 'usd' is not an ISO 4217 code; write USD",
        "sources.orders.columns.price: 5 is not text to YAML; put the SQL expression in quotes",
        "sources.orders.colour: unknown key",
    ]
    assert shop_faults(write(text_of()), "tiny") == []


def test_a_key_that_overrides_a_merged_one_is_not_there_twice(write: Write) -> None:
    orders = yaml.safe_dump(ORDERS, default_flow_style=True).strip()
    root = write(f"sources:\n  a: &a {orders}\n  b: {{<<: *a, path: other.csv}}\n")
    assert load_shop(root, "tiny").sources["b"].path == "other.csv"


@pytest.mark.parametrize("name", ["base.yaml", "test.yaml", "params/training.yaml"])
def test_a_key_that_stands_twice_in_any_file_is_refused(write: Write, name: str) -> None:
    root = write(text_of())
    (root / name).write_text("x: 1\ny: 1\nx: 2\n")
    with pytest.raises(OperatorError, match=rf"/{name}: x stands on line 1 and again on line 3; keep one$"):
        load(root, "test", None)
