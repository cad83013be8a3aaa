"""The notebooks run from top to bottom, show their pictures, and are committed clean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Together they take 30 seconds on two idle cores; one that hangs must not hang the tests.
CELL_TIMEOUT_S = 150


def named(notebook: Path) -> str:
    return notebook.stem


def read(notebook: Path) -> NotebookNode:
    found: NotebookNode = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    return found


def test_there_are_the_notebooks_that_the_readme_promises() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "1-compare-clouds",
        "2-commitment",
        "3-quotas",
        "4-deploy",
        "5-throughput",
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_a_notebook_is_committed_without_outputs(notebook: Path) -> None:
    for cell in read(notebook).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.long
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
@pytest.mark.filterwarnings(
    # Of the Jupyter libraries about themselves; the notebook's own are read from its outputs.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_a_notebook_runs_from_top_to_bottom(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel of this very interpreter, whatever kernels the user has installed.
    monkeypatch.setenv("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    content = read(notebook)
    NotebookClient(
        content,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [o for cell in content.cells if cell.cell_type == "code" for o in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no picture"
    said = "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert said == "", "a warning on a page that people read"


@pytest.mark.parametrize("name", ["3-quotas", "4-deploy"])
def test_notebooks_about_accounts_stay_in_the_sandbox(name: str) -> None:
    first = next(
        cell.source for cell in read(FOLDER / f"{name}.ipynb").cells if cell.cell_type == "code"
    )
    assert 'PLANNER_SANDBOX="1"' in first
    assert "PLANNER_STATE_DIR=folder.name" in first
