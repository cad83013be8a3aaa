"""The weight files of a folder: how many bytes, by which evidence, and what of it is not loaded."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
# The first format that is there counts; formats are never added together.
_FORMATS = (
    "model*.safetensors",
    "consolidated*.safetensors",
    "*.safetensors",
    "pytorch_model*.bin",
)
_NOT_WEIGHTS = ("adapter", "optimizer", "scheduler", "training", "rng_state", "mmproj")
_SHARD = re.compile(r"-0*(\d+)-of-0*(\d+)\.[a-z]+$")
_LFS = b"version https://git-lfs"
_LARGEST_POINTER = 300
_LARGEST_HEADER = 100_000_000
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_WIDE = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a weight file.

    ``kind`` is the type as safetensors names it: ``BF16``, ``F8_E4M3``, ``U8``, ...
    """

    name: str
    kind: str
    values: int
    size: int

    @property
    def layer(self) -> int | None:
        """The number of its layer; None for tables and norms."""
        found = _LAYER.search(self.name)
        return int(found[1]) if found else None

    @property
    def plain(self) -> bool:
        """Whether it is stored as floating-point numbers of 16 bits or more."""
        return self.kind in _WIDE


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """What is known of the weight files.

    Attributes:
        size: Their bytes; None where neither files nor an index say it.
        evidence: ``files`` or ``index``; empty where nothing is known.
        tensors: Where the headers can be read: all of them.
        warnings: What to know, a line each.
        names: Of the tensors, where an index lists them.
    """

    size: int | None = None
    evidence: str = ""
    tensors: tuple[Tensor, ...] = ()
    warnings: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def has_head(self) -> bool:
        """Whether an output head is stored."""
        listed = (*self.names, *(tensor.name for tensor in self.tensors))
        return any(name.endswith("lm_head.weight") for name in listed)


def weigh(folder: Path) -> WeightFiles:
    """Return what a folder's weight files take: the files themselves, or what an index says."""
    index = _index(folder)
    names = _named(index)
    if names:
        listed = frozenset(index["weight_map"])
        return replace(_of_index(folder, index, names), names=listed)
    for pattern in _FORMATS:
        found = [path for path in sorted(folder.glob(pattern)) if _is_weights(path)]
        if found:
            return _of_files(found)
    return _total_only(index)


def weigh_listing(sizes: Mapping[str, int]) -> WeightFiles:
    """Return what the weight files of a listing take: names and bytes, as the hub gives them."""
    for pattern in _FORMATS:
        found = [name for name in sizes if fnmatch(name, pattern) and _names_weights(name)]
        gaps = _missing(found)
        if found and not gaps and all(sizes[name] for name in found):
            return WeightFiles(sum(sizes[name] for name in found), "files")
    return WeightFiles()


def _index(folder: Path) -> dict[str, Any]:
    paths = [folder / name for name in _INDEXES]
    paths += sorted(folder.glob("*.safetensors.index.json"))
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            return content
    return {}


def _named(index: dict[str, Any]) -> list[str]:
    files = index.get("weight_map")
    if not isinstance(files, dict):
        return []
    return sorted({name for name in files.values() if isinstance(name, str)})


def _of_index(folder: Path, index: dict[str, Any], names: list[str]) -> WeightFiles:
    paths = [folder / name for name in names if "/" not in name]
    here = [path for path in paths if path.is_file()]
    total = _total_only(index)
    if not here:
        return total
    if len(here) < len(names):
        missing = f"{len(here)} of {len(names)} weight files are here: the download is not finished"
        return WeightFiles(total.size, total.evidence, warnings=(missing,))
    return _of_files(here, total.size)


def _total_only(index: dict[str, Any]) -> WeightFiles:
    metadata = index.get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(size, bool) or not isinstance(size, int | float):
        return WeightFiles()
    return WeightFiles(int(size), "index") if math.isfinite(size) and size > 0 else WeightFiles()


def _is_weights(path: Path) -> bool:
    return path.is_file() and _names_weights(path.name)


def _names_weights(name: str) -> bool:
    return not name.startswith(_NOT_WEIGHTS)


def _of_files(paths: list[Path], promised: int | None = None) -> WeightFiles:
    """Return the sum of files; nothing where some of a numbered set are missing."""
    gaps = _missing(path.name for path in paths)
    if gaps:
        warning = f"{gaps} of the numbered weight files are missing: the download is not finished"
        return WeightFiles(promised, "index" if promised else "", warnings=(warning,))
    size = sum(_size(path) for path in paths)
    if promised and size < 0.98 * promised:
        warning = (
            f"the weight files hold {size / 1e9:.1f} GB of the {promised / 1e9:.1f} GB that their"
            " index names: the download is not finished"
        )
        return WeightFiles(promised, "index", warnings=(warning,))
    return WeightFiles(size, "files", tuple(_all_tensors(paths)))


def _missing(names: Iterable[str]) -> int:
    shards = [(int(m[1]), int(m[2])) for name in names if (m := _SHARD.search(name))]
    return max((of for _, of in shards), default=0) - len({number for number, _ in shards})


def _size(path: Path) -> int:
    """Return the bytes of a file, or what a Git LFS pointer in its place promises."""
    size = path.stat().st_size
    if size <= _LARGEST_POINTER:
        content = path.read_bytes()
        promised = re.search(rb"^size (\d+)$", content, re.MULTILINE)
        if content.startswith(_LFS) and promised:
            return int(promised[1])
    return size


def _all_tensors(paths: Iterable[Path]) -> list[Tensor]:
    """Return the tensors of safetensors files; none where one header cannot be read."""
    found: list[Tensor] = []
    for path in paths:
        header = _header(path) if path.suffix == ".safetensors" else None
        if header is None:
            return []
        found += _tensors(header)
    return found


def _header(path: Path) -> dict[str, Any] | None:
    """Return the header of a safetensors file: eight bytes of length, then JSON."""
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if not 0 < length <= _LARGEST_HEADER:
                return None
            content = json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None
    return content if isinstance(content, dict) else None


def _tensors(header: dict[str, Any]) -> Iterator[Tensor]:
    for name, entry in header.items():
        if name == "__metadata__" or not isinstance(entry, dict):
            continue
        shape, offsets = _whole(entry.get("shape")), _whole(entry.get("data_offsets"))
        if shape is not None and offsets is not None and len(offsets) == 2:  # noqa: PLR2004 - start and end
            size = offsets[1] - offsets[0]
            yield Tensor(name, str(entry.get("dtype")), math.prod(shape), size)


def _whole(numbers: object) -> list[int] | None:
    """Return a list of whole numbers, or None for anything else."""
    if not isinstance(numbers, list):
        return None
    return numbers if all(isinstance(n, int) and n >= 0 for n in numbers) else None
