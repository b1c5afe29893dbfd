"""The notebook of the examples runs from its first cell to its last, and its numbers make sense."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebooks" / "a_method_of_your_own.ipynb"
nbformat = pytest.importorskip("nbformat", reason="install the extra test")
nbclient = pytest.importorskip("nbclient", reason="install the extra test")
pytest.importorskip("ipykernel", reason="install the extra test")


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    shown = [output["data"] for cell in outputs for output in cell if "data" in output]
    assert any("margin_pairs (default) on digits" in data.get("text/html", "") for data in shown)
    assert any("nearest_hit_mean" in data.get("text/html", "") for data in shown)
    assert any("hit in the nearest group" in data.get("text/html", "") for data in shown)
    assert any("image/png" in data for data in shown)
    assert len(list(tmp_path.glob("notebook_runs/*/*/16bit/seed*/result.json"))) == 9
