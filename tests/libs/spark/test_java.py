"""Our Java is found where the project is a zip archive, as `spark-submit --py-files` ships it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_java_is_read_from_a_zip_archive(tmp_path: Path) -> None:
    archive = tmp_path / "reasonrec.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in [ROOT / "libs" / "__init__.py", *(ROOT / "libs" / "spark").iterdir()]:
            if path.suffix in (".py", ".java"):
                made.write(path, path.relative_to(ROOT))
    code = "import sys; from libs.spark.java import java_source as j; print(sys.modules['libs'].__file__, len(j('ReadOnly')), len(j('ConditionalPutLogStore')))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(archive)}, capture_output=True, text=True
    )
    assert not told.stderr
    found, *sizes = told.stdout.split()
    assert found.startswith(str(archive))
    assert [int(size) for size in sizes] == [
        len((ROOT / "libs" / "spark" / f"{name}.java").read_text()) for name in ("ReadOnly", "ConditionalPutLogStore")
    ]
