"""Tables that never crop a number: what does not fit is left out whole.

Columns drop out by rank until the rest fits; text folds next; where even that is too wide, each
record is a block of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from planner.cli.next_command import pasteable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import RenderableType

_PADDING = 1
# What the padding and the box take beside the cells of a column.
_GAP = 2
# A name that folds earlier than this is no longer read as one.
_SHORTEST_FOLD = 12


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        key: The field of the record.
        title: What people read; machine formats use ``key``.
        align: Numbers are aligned right, and are never folded.
        show: Turns the record into what people read; the field's text by default.
        min_width: Characters it keeps when the terminal is narrow.
        drop_below: Leave the column out of tables on terminals narrower than this. Where more
            must go, the columns with the largest figure here go first; those with 0 stay.
        style: Rich style of a cell, from the record (colour is never the only sign).
    """

    key: str
    title: str
    align: Literal["left", "right"] = "left"
    show: Callable[[Mapping[str, Any]], str] | None = None
    drop_below: int = 0
    min_width: int | None = None
    style: Callable[[Mapping[str, Any]], str] | None = None

    def text(self, record: Mapping[str, Any]) -> str:
        """Return the cell for people."""
        if self.show is not None:
            return pasteable(self.show(record))
        value = record.get(self.key)
        return "" if value is None else pasteable(str(value))


def fitted(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], width: int | None
) -> RenderableType:
    """Return the records as Rich prints them on a screen of that width; None: as wide as needed."""
    shown = _columns_that_fit(rows, columns, width)
    if width is None or sum(_least(rows, c) + _GAP for c in shown) <= width:
        return _table(rows, shown)
    return _blocks(rows, shown)


def _columns_that_fit(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], width: int | None
) -> list[Column]:
    if width is None:
        return list(columns)
    shown = [column for column in columns if width >= column.drop_below]
    # A name that says how far it may fold folds before another column goes.
    widths = {c: (_least(rows, c) if c.min_width else _natural(rows, c)) + _GAP for c in shown}
    while sum(widths[c] for c in shown) > width:
        droppable = [column for column in shown if column.drop_below]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda column: column.drop_below))
    return shown


def _natural(rows: Iterable[Mapping[str, Any]], column: Column) -> int:
    """Return the characters that a column takes unfolded."""
    texts = [column.title, *(column.text(row) for row in rows)]
    return max(_cells(line) for text in texts for line in text.split("\n"))


def _least(rows: Sequence[Mapping[str, Any]], column: Column) -> int:
    natural = _natural(rows, column)
    if column.align == "right":
        return natural
    return min(natural, column.min_width or _SHORTEST_FOLD)


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, padding=(0, _PADDING, 0, 0), pad_edge=False)
    for column in columns:
        made.add_column(
            column.title,
            justify=column.align,
            overflow="fold",
            no_wrap=column.align == "right",
            min_width=_least(rows, column),
        )
    for row in rows:
        made.add_row(*(Text(c.text(row), style=c.style(row) if c.style else "") for c in columns))
    return made


def _blocks(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> RenderableType:
    """Return a line per field and an empty line per record, for a very narrow screen."""
    from rich.text import Text

    lines = []
    for row in rows:
        for column in columns:
            text = column.text(row).replace("\n", " ")
            if text:
                lines.append(f"{column.title.replace(chr(10), ' ')}: {text}")
        lines.append("")
    return Text("\n".join(lines))
