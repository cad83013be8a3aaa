"""Run the command line as a user does, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from planner.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable


class Result(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def planner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Return a function that runs ``planner`` with arguments on a terminal of some width."""

    def call(*arguments: str, columns: int = 120) -> Result:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            run(list(arguments))
        printed = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Result(left.value.code, printed.out, printed.err)

    return call
