from pathlib import Path

import nbformat
from nbclient import NotebookClient

from .conftest import TUESDAY

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "read_results_in_sql.ipynb"


def test_the_notebook_runs_from_top_to_bottom_on_a_published_release(forwards, monkeypatch):
    monkeypatch.setenv("REASONREC_WAREHOUSE", str(forwards.warehouse))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parents[1])}}).execute()
    release = notebook.cells[1].outputs[0]["data"]["text/plain"]
    assert "corner" in release
    assert TUESDAY in release
