"""Models of Azure's SDK when several threads make the first of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import forked
import pytest

from planner.clouds import azure_models


@pytest.mark.long
def test_models_of_many_threads_are_all_models() -> None:
    program = Path(forked.__file__).with_name("azure_models_race.py")
    command = [sys.executable, str(program), "guarded"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_client_without_such_models_is_left_alone() -> None:
    azure_models.guard(object())
