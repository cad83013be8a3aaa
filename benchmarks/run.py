"""Measure planner against its goals, then run the other benchmarks: ``make bench``.

Each command starts in a process of its own, as a user starts it. The goals are meant for an
idle machine with two cores; a busy one is told by how far the median lies above the best.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLANNER = Path(sys.executable).with_name("planner")
ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Goal:
    """What one command may take."""

    arguments: tuple[str, ...]
    seconds: float
    megabytes: float | None = None


GOALS = (
    Goal(("--help",), 0.15),
    Goal(("compare", "llama-2-70b"), 0.5, 150),
    Goal(("compare", "llama-2-70b", "--format", "json"), 0.5, 150),
)


def main() -> int:
    """Print the measured figures beside the goals; return 1 if a benchmark fails to run."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, median of {ROUNDS} runs\n")
    print(f"{'':42} {'measured':>10} {'best':>8} {'goal':>8}")
    for goal in GOALS:
        report(goal)
    return max([run(path) for path in others()], default=0)


def report(goal: Goal) -> None:
    """Measure one command and print a line for its time and one for its memory."""
    measure(goal.arguments)  # reads the files into the system's cache once
    runs = [measure(goal.arguments) for _ in range(ROUNDS)]
    seconds = [taken for taken, _ in runs]
    name = f"planner {' '.join(goal.arguments)}"
    line(f"{name}, s", statistics.median(seconds), min(seconds), goal.seconds, 3)
    if goal.megabytes is not None:
        peaks = [peak for _, peak in runs]
        line("    peak memory, MB", statistics.median(peaks), min(peaks), goal.megabytes, 0)


def line(name: str, measured: float, best: float, goal: float, digits: int) -> None:
    """Print one measurement beside its goal."""
    verdict = "" if measured <= goal else "  over"
    print(f"{name:42} {measured:10.{digits}f} {best:8.{digits}f} {goal:8g}{verdict}")


def measure(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Run planner once; return the seconds it took and the megabytes it held at its peak."""
    start = time.perf_counter()
    with subprocess.Popen([PLANNER, *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"planner {' '.join(arguments)} failed with {process.returncode}")
    # Linux counts kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return taken, usage.ru_maxrss * unit / 1e6


def others() -> list[Path]:
    """Return the other benchmarks of this folder: scripts with a ``main``."""
    return [
        path
        for path in sorted(HERE.glob("*.py"))
        if path.name != Path(__file__).name
        and not path.name.startswith("_")
        and re.search(r"^def main\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def run(path: Path) -> int:
    """Run one benchmark; return its exit code."""
    print(f"\n{path.name}", flush=True)
    return subprocess.run([sys.executable, path], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
