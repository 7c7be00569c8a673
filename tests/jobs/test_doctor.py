"""`reasonrec doctor`: what a shop's file lacks for good sentences is said before the first night."""

import shutil
from pathlib import Path

import pytest
import yaml

from jobs.cli.doctor import examine
from tests.conftest import ROOT, SHOP

CATALOGUE = {"kind": "products", "path": "p.csv", "format": "csv", "columns": {"product_id": "id", "title": "name"}}


@pytest.mark.parametrize(("extra", "warned"), [({}, True), ({"catalogue": CATALOGUE}, False)])
def test_a_shop_without_titles_is_warned_that_its_products_have_no_name(tmp_path: Path, extra, warned) -> None:
    for name in ("base.yaml", "test.yaml"):
        shutil.copy(ROOT / "conf" / name, tmp_path)
    (tmp_path / "languages").symlink_to(ROOT / "conf" / "languages")
    (tmp_path / "shops").mkdir()
    shop = {key: value for key, value in SHOP.items() if key != "name"} | {"sources": SHOP["sources"] | extra}
    (tmp_path / "shops" / "tiny.yaml").write_text(yaml.safe_dump(shop))
    [finding] = [finding for finding in examine(tmp_path, "test") if finding.what == "conf/shops/tiny.yaml"]
    assert finding.good
    assert ("no source of products maps a title" in finding.message) == warned
