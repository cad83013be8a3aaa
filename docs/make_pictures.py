"""Draw the README's terminal picture from a real run: ``python docs/make_pictures.py``.

tests/test_docs.py fails while the picture differs from what the command prints.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).resolve().parent
PICTURE = HERE / "pictures" / "compare.svg"
_COMMAND = "planner compare llama-2-70b --as-of 2026-11-23 --top 10"
_WIDTH = 114
# The picture ends where the small print begins.
_END = "On demand: "
# Rich's own format without its web fonts: a picture must not call anybody.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg"
 role="img" aria-label="Terminal: planner compare llama-2-70b">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def picture() -> str:
    """Return the picture as it should be."""
    with tempfile.TemporaryDirectory() as scratch:
        printed = subprocess.run(
            [Path(sys.executable).with_name("planner"), *_COMMAND.split()[1:]],
            env={
                "PATH": os.environ["PATH"],
                "HOME": scratch,
                "PLANNER_STATE_DIR": scratch,
                "COLUMNS": str(_WIDTH),
                "FORCE_COLOR": "1",
                "TERM": "xterm-256color",
                "PYTHONUTF8": "1",
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    screen = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    screen.print(f"[bold]$[/bold] {_COMMAND}", highlight=False)
    for line in printed.splitlines():
        text = Text.from_ansi(line)
        if text.plain.startswith(_END):
            break
        screen.print(text)
    return screen.export_svg(
        title="planner", theme=MONOKAI, code_format=_FORMAT, unique_id="planner"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
