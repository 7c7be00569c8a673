import ast
import importlib
import re
from pathlib import Path

import pytest

from jobs.catalog import ALL_TABLES, CATALOG, GROUPS, Job, edges, get_job, group_of, models_before, models_of, select
from jobs.cli.diagram import groups_mermaid, mermaid, tables_markdown
from libs.errors import OperatorError
from libs.tables import CONTRACT, MODELS, TABLES, UnknownTableError
from libs.tables.contract import FOR_LATER

ROOT = Path(__file__).resolve().parents[2]
MAKERS = [job for job in CATALOG if job.writes != ALL_TABLES]  # the others rewrite what these made


def test_every_job_has_a_module_of_its_name_with_a_docstring_and_a_run():
    for job in CATALOG:
        module = importlib.import_module(f"jobs.{job.name}")
        assert module.__doc__, job.name
        assert callable(module.run), job.name


def test_every_module_with_a_run_is_in_the_catalog():
    stages = {job.name.split(".")[0] for job in CATALOG}
    modules = {
        f"{path.parent.name}.{path.stem}"
        for stage in stages
        for path in (ROOT / "jobs" / stage).glob("*.py")
        if run_of(path) is not None
    }
    assert modules == {job.name for job in CATALOG}


def run_of(path: Path) -> ast.FunctionDef | None:
    body = ast.parse(path.read_text()).body
    return next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == "run"), None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "product_days"}, "write its name as stage.job"),
        ({"cadence": "nightly"}, "'nightly' is none of daily, training_day, weekly, on_demand"),
        ({"compute": "larg"}, "'larg' is none of small, large, ranks"),
    ],
)
def test_an_entry_with_a_wrong_word_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Job(**({"name": "products.product_days", "about": "."} | wrong))


def test_an_entry_with_a_wrong_table_is_refused_with_near_names():
    with pytest.raises(UnknownTableError, match=r"did you mean silver\.events"):
        Job("products.product_days", about=".", reads=("silver.event",))


def test_every_table_read_is_written_before_it():
    written = set()
    for job in MAKERS:
        written |= set(job.writes)
        # A job may read what it wrote the day before, a release or a pin of an earlier night, and who was erased.
        late = set(job.reads) - written - {"results.releases", "results.pins", "silver.suppressed_users"}
        assert not late, (job.name, late)


def test_a_kind_of_source_that_no_job_reads_yet_says_so():
    silver = {f"silver.{kind}" for kind in CONTRACT}
    # Jobs that read every kind (ingest, gates, erasure) make nothing of any.
    read = {name for job in CATALOG if not silver <= set(job.reads) for name in job.reads}
    for_later = {f"silver.{name}" for name, kind in CONTRACT.items() if FOR_LATER in kind.about}
    assert for_later == silver - read


def test_every_table_has_a_writer():
    written = {name for job in MAKERS for name in job.writes}
    # The walk itself tells of jobs; an operator's command pins; erasure keeps the list of who was erased.
    others = {"quality.job_runs", "quality.alarms", "results.pins", "silver.suppressed_users"}
    assert set(TABLES) - written == others


def test_a_group_runs_whole_before_the_next():
    order = [group_of(job.name) for job in CATALOG]
    groups = sorted(set(order), key=order.index)
    assert groups == [*GROUPS, ""]
    assert order == sorted(order, key=groups.index)
    assert select("daily") == tuple(job for job in CATALOG if job.cadence not in ("weekly", "on_demand"))


def test_an_edge_points_down_the_page_and_the_release_comes_after_the_audit():
    place = {job.name: i for i, job in enumerate(CATALOG)}
    assert all(place[early] < place[late] for early, late in edges())
    assert ("evaluation.audit", "publish.release") in edges()


def test_every_model_of_record_is_fitted_by_one_job_and_waited_for_by_the_groups_after_it():
    assert models_of(select("daily")) == MODELS
    assert models_before("training") == models_before("maintenance") == models_before("scoring.recommendations") == ()
    assert models_before("candidates") == models_of(select("training")) != ()
    assert models_before("results") == models_before("publish") == MODELS


def test_an_unknown_job_is_answered_with_near_names():
    with pytest.raises(OperatorError, match=r"did you mean users\.user_rfm"):
        get_job("users.user_rmf")


def test_a_job_shows_what_it_reads_computes_and_writes_at_a_glance():
    runs = {job.name: run_of(ROOT / "jobs" / f"{job.name.replace('.', '/')}.py") for job in CATALOG}
    lines = {name: run.end_lineno - run.lineno for name, run in runs.items()}
    assert {name: n for name, n in lines.items() if n > 20} == {}


def test_the_generated_documentation_is_current():
    assert groups_mermaid() in (ROOT / "README.md").read_text()
    assert mermaid() in (ROOT / "docs" / "flow.md").read_text()
    assert tables_markdown() == (ROOT / "docs" / "tables.md").read_text()


def test_every_group_is_drawn_and_no_arrow_repeats_a_longer_path():
    arrows = [line.split() for line in groups_mermaid().splitlines() if "-->" in line]
    edges = [(line[0], line[-1]) for line in arrows]
    assert {group for edge in edges for group in edge} == set(GROUPS)
    for start, end in edges:
        reached, frontier = set(), {b for a, b in edges if a == start and b != end}
        while frontier:
            reached |= frontier
            frontier = {b for a, b in edges if a in frontier} - reached
        assert end not in reached, (start, end)


def test_the_readme_stays_short_and_its_links_lead_somewhere():
    readme = ROOT / "README.md"
    assert readme.stat().st_size <= 9_000
    for page in (readme, *(ROOT / "docs").glob("*.md")):
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
            other = page.parent / target if target else page
            assert target.startswith("http") or other.exists(), (page.name, target)
            assert not anchor or anchor in anchors(other), (page.name, target, anchor)


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
