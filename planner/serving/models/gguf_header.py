"""The header of a GGUF file: its metadata and the shapes of its tensors, and nothing else.

The header is read through a memory map, so that a file of 100 GB costs what its header costs.
The package ``gguf`` makes an array for each word of the vocabulary (7 s and 230 MB for a header
of 150,000 words) and refuses tensor types of forks, so planner reads the few fields it needs.
The format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_MOST_FIELDS = 100_000
_MOST_TENSORS = 1_000_000
_MOST_DIMENSIONS = 8
_LONGEST_LIST = 10_000  # longer arrays are vocabularies: only their length is kept


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of one file says.

    Attributes:
        fields: Metadata by key; of a long array only its length, as a ``range``.
        tensors: Number of weights of each tensor, by name.
    """

    fields: dict[str, Any]
    tensors: dict[str, int]


def read(path: Path) -> Header:
    """Return the header of a GGUF file.

    Raises:
        DataError: It cannot be read, or is no GGUF file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Cursor(data).header()
    except (OSError, ValueError, struct.error, IndexError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is not a GGUF file of a model",
            why=str(error) or f"{error!r}",
            advice="a .gguf file that is downloaded whole",
        ) from error


class _Cursor:
    """A place in the header, moving forward."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self) -> Header:
        if self._data[:4] != _MAGIC:
            raise ValueError("it does not start with GGUF")
        self._at = 4
        version = self._scalar("<I")
        if version not in _VERSIONS:
            raise ValueError(f"GGUF version {version} is not one of {_VERSIONS}")
        tensors, fields = self._scalar("<Q"), self._scalar("<Q")
        if tensors > _MOST_TENSORS or fields > _MOST_FIELDS:
            raise ValueError(f"{tensors} tensors and {fields} fields are more than a model has")
        found = {}
        for _ in range(fields):
            key = self._text()
            found[key] = self._value(self._scalar("<I"))
        return Header(found, dict(self._tensor() for _ in range(tensors)))

    def _tensor(self) -> tuple[str, int]:
        name = self._text()
        dimensions = self._scalar("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"{name} has {dimensions} dimensions")
        size = 1
        for _ in range(dimensions):
            size *= self._scalar("<Q")
        self._at += 4 + 8  # the type, and where the tensor lies
        return name, size

    def _value(self, kind: int) -> Any:  # noqa: ANN401 - what the file holds
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise ValueError(f"a field has the unknown type {kind}")
        return self._scalar(_SCALARS[kind])

    def _array(self) -> Any:  # noqa: ANN401 - what the file holds
        kind, length = self._scalar("<I"), self._scalar("<Q")
        if kind in _SCALARS:
            form = _SCALARS[kind]
            width = struct.calcsize(form)
            self._check(length * width)
            if length > _LONGEST_LIST:
                self._at += length * width
                return range(length)
            return [self._scalar(form) for _ in range(length)]
        if kind == _STRING and length > 0:
            return self._strings(length)
        if kind == _ARRAY:
            self._check(length)
            return [self._array() for _ in range(length)]
        return []

    def _strings(self, length: int) -> range:
        """Pass over texts: planner needs no word of a vocabulary, only how many there are."""
        self._check(length * 8)
        data, at, unpack = self._data, self._at, struct.Struct("<Q").unpack_from
        for _ in range(length):
            at += 8 + unpack(data, at)[0]
        self._at = at
        self._check(0)
        return range(length)

    def _text(self) -> str:
        length = self._scalar("<Q")
        self._check(length)
        start, self._at = self._at, self._at + length
        return self._data[start : self._at].decode("utf-8", "replace")

    def _scalar(self, form: str) -> Any:  # noqa: ANN401 - what the file holds
        value = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def _check(self, length: int) -> None:
        if self._at + length > len(self._data):
            raise ValueError("the header ends in the middle: the file is not whole")
