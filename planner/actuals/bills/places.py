"""Bring the files of a FOCUS export to this machine: a file, a folder, or a bucket's."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import NotFoundError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (".parquet", ".csv", ".csv.gz")
_FORMS = (
    "planner actuals --focus WHERE: a file or a folder of .parquet or .csv files; "
    "s3://, gs:// and az:// work too"
)


@contextmanager
def files(where: str) -> Iterator[list[Path]]:
    """Give the files of an export, all of one kind; a bucket's are fetched and forgotten again.

    Parquet is taken where both kinds lie side by side.

    Args:
        where: A path, or an fsspec URL.

    Raises:
        NotFoundError: No such file there.
        PlannerError: The bucket cannot be read.
    """
    if "://" not in where:
        yield _of_one_kind(_local(Path(where).expanduser()), where)
        return
    with tempfile.TemporaryDirectory(prefix="planner-focus-") as folder:
        yield _of_one_kind(_fetched(where, Path(folder)), where)


def _local(path: Path) -> list[Path]:
    if path.is_dir():
        return [item for item in sorted(path.rglob("*")) if _is_bill(item.name)]
    return [path] if path.is_file() else []


def _fetched(url: str, folder: Path) -> list[Path]:
    from planner.pricing.store import open_filesystem

    fs, path = open_filesystem(url)
    try:
        found = [path] if fs.isfile(path) else [name for name in fs.find(path) if _is_bill(name)]
        made = []
        for number, name in enumerate(sorted(found)):
            target = folder / f"{number:05d}-{Path(name).name}"
            fs.get_file(name, str(target))
            made.append(target)
    except Exception as error:  # each fsspec package has its own errors
        raise PlannerError(
            f"{url} cannot be read", why=str(error).split("\n")[0], advice=_FORMS
        ) from error
    return made


def _of_one_kind(found: list[Path], where: str) -> list[Path]:
    parquet = [path for path in found if path.name.endswith(".parquet")]
    if not found:
        raise NotFoundError(f"no bill at {where}", why="there is no such file", advice=_FORMS)
    return parquet or found


def _is_bill(name: str) -> bool:
    return name.endswith(_ENDINGS)
