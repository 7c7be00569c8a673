"""A source of candidates is whole, or this names what it lacks; docs: "Add a source"."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.catalog import CATALOG, GROUPS, select
from libs.tables import SOURCES, Source

ROOT = Path(__file__).resolve().parents[2]


def lacks(source: Source, root: Path = ROOT) -> list[str]:
    """What is missing for a source that libs/tables/sources.py declares, in the order of the checklist."""
    name, table = source.name, f"candidates.{source.name}"
    entry = next((job for job in CATALOG if job.name == table), None)
    fitted = {model for job in select("training") for model in job.models}
    tests = [
        path.read_text()
        for folder in ("jobs/candidates", "libs/retrieval")
        for path in (root / "tests" / folder).glob("test_*.py")
    ]
    run = re.compile(rf'"(candidates\.)?{name}"')
    places = [job.name for job in GROUPS["candidates"]]
    checks = {
        f"jobs/candidates/{name}.py": (root / f"jobs/candidates/{name}.py").is_file(),
        f"jobs/catalog.py: Job({table!r}) in the group candidates, before candidate_pool": (
            table in places and places.index(table) < places.index("candidates.candidate_pool")
        ),
        f"jobs/catalog.py: {table}: writes=({table!r},)": entry is None or entry.writes == (table,),
        f"jobs/catalog.py: {table}: reads training.models": (
            entry is None or not source.model or "training.models" in entry.reads
        ),
        f"jobs/catalog.py: a job of the group training with models=({source.model!r},)": (
            not source.model or source.model in fitted
        ),
        f"tests/jobs/candidates: a test that runs {table}": any(map(run.search, tests)),
    }
    return [part for part, there in checks.items() if not there]


def test_every_source_is_whole():
    assert {name: parts for name, source in SOURCES.items() if (parts := lacks(source))} == {}


def test_every_list_of_the_pool_is_of_a_declared_source():
    jobs = {job.name for job in GROUPS["candidates"]} - {"candidates.candidate_pool"}
    assert jobs == {f"candidates.{name}" for name in SOURCES}


def test_what_a_source_lacks_is_named():
    assert lacks(Source("nearest_text", "Products of like words.", prior=0.1, model="text_model")) == [
        "jobs/candidates/nearest_text.py",
        "jobs/catalog.py: Job('candidates.nearest_text') in the group candidates, before candidate_pool",
        "jobs/catalog.py: a job of the group training with models=('text_model',)",
        "tests/jobs/candidates: a test that runs candidates.nearest_text",
    ]


JOB = '''"""Products that came in last.

One row of candidates.newest is a product for a user as of one cut-off.
"""


def run(ctx):
    ctx.write("candidates.newest", ctx.read_cutoffs("features.user_history"))
'''
# The checklist, step by step: file, text to stand before ("" for a new file), text to add.
STEPS = [
    ("libs/tables/sources.py", ")\n\nSOURCES:", '    Source("newest", "Products that came in last.", prior=0.05),\n'),
    ("jobs/candidates/newest.py", "", JOB),
    (
        "jobs/catalog.py",
        '        Job(\n            "candidates.candidate_pool"',
        '        Job("candidates.newest", about="What came in last.", reads=("features.user_history",),'
        ' writes=("candidates.newest",)),\n',
    ),
    ("tests/jobs/candidates/test_newest.py", "", 'NAME = "candidates.newest"\n'),
]
# What derives from the declaration alone, printed by a process of its own: what the source lacks, then the rest.
PROBE = """
from jobs.catalog import edges
from libs.tables import SOURCES, TABLES
from tests.extend.test_source import lacks
print(len(lacks(SOURCES["newest"])), "candidates.newest" in TABLES, ("candidates.newest", "candidates.candidate_pool") in edges())
"""


@pytest.fixture
def copy(tmp_path):
    for folder in ("jobs", "libs", "tests/extend", "tests/jobs", "tests/libs/retrieval"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return tmp_path


def test_the_checklist_in_a_copy_ends_with_a_whole_source(copy):
    said = []
    for file, before, text in STEPS:
        path = copy / file
        old = path.read_text() if before else ""
        assert old.count(before) == 1 or not before, f"{file}: the checklist's place is gone"
        path.write_text(old.replace(before, text + before) if before else text)
        said.append(probe(copy))
    # Step 1 makes the table, step 3 the edge to the pool. Three parts, then two, one and none are lacking.
    assert said == ["3 True False", "2 True False", "1 True True", "0 True True"]
    assert len(STEPS) <= 6


def probe(root):
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
