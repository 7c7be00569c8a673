"""A shop's conf is refused where it is read, by the key and what would be right."""

from pathlib import Path

import pytest
import yaml

from libs.conf.read import load_shop
from libs.errors import OperatorError
from tests.conftest import ROOT, SHOP


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "shops").mkdir()
    (tmp_path / "languages").symlink_to(ROOT / "conf" / "languages")
    return tmp_path


def load(conf: Path, **keys: object) -> object:
    shop = {key: value for key, value in (SHOP | keys).items() if key != "name"}
    (conf / "shops" / "tiny.yaml").write_text(yaml.safe_dump(shop))
    return load_shop(conf, "tiny")


def test_languages_that_have_a_pack_are_taken(conf: Path) -> None:
    shop = load(conf, languages=["en", "zh"], text_language="zh")
    assert (shop.languages, shop.text_language) == (("en", "zh"), "zh")


@pytest.mark.parametrize(("key", "value"), [("languages", ["en", "fr"]), ("text_language", "fr")])
def test_a_language_without_a_pack_is_refused_by_its_key(conf: Path, key: str, value: object) -> None:
    with pytest.raises(OperatorError, match=rf"tiny\.yaml: {key}: no language 'fr'; there are .*en, zh$"):
        load(conf, **{key: value})


def test_a_language_without_its_folder_is_refused(conf: Path) -> None:
    (conf / "languages").unlink()
    with pytest.raises(OperatorError, match=r"tiny\.yaml: languages: en needs .*languages/en/templates\.yaml$"):
        load(conf)
