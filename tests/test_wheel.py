"""The wheel, installed away from the checkout, is planner with all its figures."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built wheel; hatchling comes from this environment, nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        check=True,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that holds the wheel; its dependencies are borrowed from ours."""
    folder = tmp_path_factory.mktemp("away") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"),
            *("--disable-pip-version-check", "--target", site, wheel),
        ],
        check=True,
        capture_output=True,
    )
    ours = Path(pytest.__file__).resolve().parent.parent
    # Behind the wheel on the path, so that only what the wheel lacks comes from there; the
    # hooks of our own .pth files (the editable planner among them) are not run.
    (site / "borrowed.pth").write_text(f"{ours}\n", encoding="utf-8")
    return folder


def _run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [installed / "bin" / "python", "-I", "-m", "planner", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=installed,
        env=environment,
    )


def test_the_wheel_holds_figures_and_templates_but_no_tests_and_no_docs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "planner/py.typed" in names
    assert "planner/pricing_data/models.csv" in names
    assert len([n for n in names if n.startswith("planner/pricing_data/offers/")]) >= 20
    assert [n for n in names if n.startswith("planner/deploy_templates/")]
    bundled = {path.name for path in (ROOT / "pricing_data").glob("*.csv")}
    assert bundled <= {Path(name).name for name in names}
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"planner"}
    assert wheel.stat().st_size < 5_000_000


@pytest.mark.long
def test_the_wheel_says_what_it_needs_and_what_it_is(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = archive.read(path).decode()
    needs = {
        line.removeprefix("Requires-Dist: ").split(">")[0].split(";")[0].strip()
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    assert {"boto3", "google-cloud-compute", "azure-mgmt-compute", "pandas", "duckdb"} <= needs
    assert {"click", "rich"} <= needs
    heavy = {"sagemaker", "vl-convert-python", "xlsxwriter", "azure-mgmt-network", "moto"}
    assert not needs & heavy, "extras, or done without"
    assert not needs & {"httpx", "stamina"}, "one client and one retry library are enough"
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())


@pytest.mark.long
def test_the_installed_wheel_compares_away_from_the_checkout(installed: Path) -> None:
    python = str(installed / "bin" / "python")
    probe = [python, "-I", "-c", "import planner; print(planner.__file__)"]
    where = subprocess.run(probe, capture_output=True, text=True, check=True).stdout
    assert Path(where.strip()).is_relative_to(installed)
    done = _run(installed, "compare", "llama-2-70b", "--as-of", "2023-10-31")
    assert done.returncode == 0, done.stderr
    assert "*5,363" in done.stdout
    assert "*3,669" in done.stdout


@pytest.mark.long
def test_the_installed_wheel_shows_prices_models_and_help(installed: Path) -> None:
    for arguments in (["prices", "--limit", "2"], ["models", "llama"], ["fit", "llama-2-7b"]):
        done = _run(installed, *arguments)
        assert done.returncode == 0, done.stderr
    assert "compare" in _run(installed, "--help").stdout
