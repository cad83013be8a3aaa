"""The columns of a FOCUS file as SQL, whatever its version and however it spells them.

Versions from 1.0 on are read by the same words: columns that came later are used where they are
there. Column names: https://focus.finops.org/focus-specification/. Microsoft's ``x_...InUsd``
columns: https://learn.microsoft.com/cloud-computing/finops/focus/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

NEEDED = ("BilledCost", "ChargeCategory", "ChargePeriodStart")
# 12 digits behind the point, so that ten million rows do not lose a cent.
MONEY = "DECIMAL(28, 12)"
# planner's tag as clouds hand it back: as given, with AWS's prefix, or as a label of Google's.
TAG = "(?:user[:_])?planner[:_-]endpoint"
_MEMBER = f'"{TAG}"\\s*:\\s*"([^"]*)"'
_PAIR = f'"[Kk]ey"\\s*:\\s*"{TAG}"\\s*,\\s*"[Vv]alue"\\s*:\\s*"([^"]*)"'


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file has: FOCUS's name in small letters -> (its own spelling, its type).

    The expressions are plain on purpose. The engine looks at each different text of a column once
    where a function is used on the column itself; inside a CASE it looks at every row.
    """

    found: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, described: list[tuple[str, str]]) -> Columns:
        """Return the columns of what DuckDB says of a file.

        Raises:
            UsageError: It is no FOCUS file.
        """
        columns = cls({_plain(name): (name, kind) for name, kind in described})
        missing = [name for name in NEEDED if not columns.has(name)]
        if missing:
            raise UsageError(
                "this is no FOCUS file",
                why=f"it has no column {', '.join(missing)}",
                advice="export the bill in FOCUS 1.0 or newer: AWS Data Exports, Azure Cost "
                "Management exports (type FOCUS), Google's FOCUS view of the BigQuery export",
            )
        return columns

    def has(self, name: str) -> bool:
        """Tell whether the file has a column."""
        return _plain(name) in self.found

    def raw(self, name: str) -> str:
        """Return a column as it is, or NULL where the file has none."""
        spelled = self.found.get(_plain(name))
        return "NULL" if spelled is None else '"' + spelled[0].replace('"', '""') + '"'

    def text(self, name: str) -> str:
        """Return a column as text."""
        return f"CAST({self.raw(name)} AS VARCHAR)"

    def first(self, *names: str) -> str:
        """Return the first of several columns that has a value, as text."""
        there = [self.text(name) for name in names if self.has(name)]
        return f"coalesce({', '.join(there)})" if len(there) > 1 else (there or ["NULL"])[0]

    def money(self, name: str) -> str:
        """Return a column of money; NULL where empty."""
        column = f"nullif({self.raw(name)}, '')" if self._is_text(name) else self.raw(name)
        return f"CAST({column} AS {MONEY})"

    def time(self, name: str) -> str:
        """Return a column of times, UTC."""
        column = f"nullif({self.raw(name)}, '')" if self._is_text(name) else self.raw(name)
        return f"CAST({column} AS TIMESTAMP)"

    def tags(self, keys: Sequence[str] = ()) -> tuple[str, str]:
        """Return the two places where planner's tag may be; each empty or NULL without it.

        Args:
            keys: How planner's tag is spelled, where tags are a map: looking a key up is several
                times faster than reading the text of a map.
        """
        if not self.has("Tags"):
            return "NULL", "NULL"
        column = self.raw("Tags")
        if self.tags_are_a_map:
            values = [f"{column}['{key}']" for key in keys]
            return f"coalesce({', '.join(values)})" if values else "NULL", "NULL"
        # A list of pairs is read by the text of its JSON, as a column of text is.
        text = f"CAST({column if self._is_text('Tags') else f'to_json({column})'} AS VARCHAR)"
        return f"regexp_extract({text}, '{_MEMBER}', 1)", f"regexp_extract({text}, '{_PAIR}', 1)"

    @property
    def tags_are_a_map(self) -> bool:
        """Tell whether tags are a map, as in Parquet files of AWS."""
        return self.has("Tags") and self.found["tags"][1].startswith("MAP")

    def mentions(self, name: str, pattern: str) -> str:
        """Return a test of a column for words, in any case; NULL where there is no text."""
        return f"regexp_matches({self.text(name)}, '(?i){pattern}')"

    def _is_text(self, name: str) -> bool:
        return self.has(name) and self.found[_plain(name)][1] in {"VARCHAR", "JSON"}


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "")
