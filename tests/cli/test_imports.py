"""What a command may import: a tool that starts slowly is not used."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CLOUD_SDKS = {"boto3", "botocore", "azure", "google", "sagemaker"}
DATA = {"pandas", "numpy", "pyarrow", "scipy"}
# Imported by the SDKs and by nothing a price needs.
NETWORK = {"requests", "urllib3", "httpx2", "aiohttp"}


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level packages in memory when the command has run."""
    program = (
        "import sys, contextlib, io\n"
        "from planner.cli.app import run\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    run({list(arguments)!r})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_imports_click_and_nothing_heavy() -> None:
    found = imported_by("--help")
    assert "click" in found
    assert not found & (CLOUD_SDKS | DATA | NETWORK | {"duckdb", "rich", "sqlite3", "asyncio"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "llama-2-70b"),
        ("compare", "llama-2-70b", "--format", "json"),
        ("prices", "--accelerator", "H100"),
        ("fit", "llama-2-70b"),
    ],
)
def test_prices_and_plans_need_no_cloud_and_no_pandas(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(tmp_path))
    found = imported_by(*arguments)
    assert "duckdb" in found or arguments[0] == "fit"
    assert not found & (CLOUD_SDKS | DATA | NETWORK)


@pytest.mark.long
def test_a_question_asked_again_needs_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(tmp_path))
    assert "duckdb" in imported_by("compare", "llama-3.1-8b", "--geo", "eu")
    assert "duckdb" not in imported_by("compare", "llama-3.1-8b", "--geo", "eu")


@pytest.mark.parametrize("arguments", [("models",), ("gpus",)])
def test_what_planner_knows_needs_no_database(arguments: tuple[str, ...]) -> None:
    assert not imported_by(*arguments) & (CLOUD_SDKS | DATA | NETWORK | {"duckdb"})


@pytest.mark.long
def test_machine_formats_need_no_rich() -> None:
    assert "rich" not in imported_by("compare", "llama-2-70b", "--format", "json")
    assert "rich" not in imported_by("prices", "--limit", "3", "--format", "csv")


def test_importing_the_package_costs_nothing() -> None:
    bare, whole = (
        subprocess.run(
            [sys.executable, "-c", f"{program}import sys; print(*sys.modules)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for program in ("", "import planner; ")
    )
    added = {name.partition(".")[0] for name in set(whole) - set(bare)}
    assert added - sys.stdlib_module_names == {"planner"}


def test_lists_of_google_s_machines_need_no_generated_client() -> None:
    program = (
        "import sys\n"
        "from planner.clouds import gcp, gcp_compute, gcp_retry\n"
        "import planner.endpoints.gce.lookup, planner.quotas.gcp_usage\n"
        "assert not any('compute_v1' in name for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_new_ledger_needs_no_pandas(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from planner.ledger import Ledger; "
        "Ledger(Path(sys.argv[1]) / 'ledger.db').close(); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & DATA
