"""Models stored as GGUF: all parts of a set, by the header of the first and the sizes of all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.errors import DataError, UsageError
from planner.serving.models import assembly, counting, families, gguf_header, gguf_words, ladder
from planner.serving.models.keys import KeyProblemError, Words
from planner.serving.models.model import Quantization

if TYPE_CHECKING:
    from pathlib import Path

    from planner.serving.models.counting import Shape
    from planner.serving.models.ladder import Sized
    from planner.serving.models.model import Model

_PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d+)-of-(?P<count>\d+)\.gguf$")
_MOST_PARTS = 10_000
_LEAST_BITS = 1.0  # the narrowest quantization of llama.cpp has 1.56 bits a weight
_MAGIC = b"GGUF"
_UNFORESEEN = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


def is_gguf(path: Path) -> bool:
    """Tell whether a file starts as a GGUF file does, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def in_folder(folder: Path) -> Path | None:
    """Return the first part of the model in a folder; None where there is no GGUF file.

    Raises:
        UsageError: The folder has several models.
    """
    names = sorted(p.name for p in folder.glob("*.gguf") if not p.name.startswith("mmproj"))
    stems: dict[str, str] = {}
    for name in names:
        part = _PART.match(name)
        stems.setdefault(part["stem"] if part else name, name)
    if len(stems) > 1:
        raise UsageError(
            f"{folder} has {len(stems)} GGUF files",
            why=", ".join(stems.values()),
            advice=f"name one: {folder / next(iter(stems.values()))}",
        )
    return folder / next(iter(stems.values())) if stems else None


def parts_of(path: Path) -> list[Path]:
    """Return all parts of the set that a file belongs to, in their order.

    Raises:
        DataError: Some are missing.
    """
    named = _PART.match(path.name)
    if named is None:
        return [path]
    count, width = int(named["count"]), len(named["number"])
    if count > _MOST_PARTS:
        raise DataError(f"{path.name} says it is one of {count} parts, which no model has")
    names = [f"{named['stem']}-{n:0{width}d}-of-{named['count']}.gguf" for n in range(1, count + 1)]
    numbers = [path.with_name(name) for name in names]
    here = [part for part in numbers if part.is_file()]
    if len(here) < count:
        raise DataError(
            f"{len(here)} of the {count} parts of {named['stem']} are here",
            why="a model is planned with all of its weights",
            advice="download the rest of its parts into the same folder",
        )
    return here


def read(path: Path) -> Model:
    """Return the model of a GGUF file and of the other parts of its set.

    Raises:
        DataError: It is no GGUF file, lacks a key, or parts are missing.
    """
    parts = parts_of(path)
    header = gguf_header.read(parts[0])
    tensors = dict(header.tensors)
    for part in parts[1:]:
        tensors |= gguf_header.read(part).tensors
    size = sum(part.stat().st_size for part in parts)
    try:
        return _model(path, header.fields, tensors, size, alone=len(parts) == 1)
    except KeyProblemError as error:
        raise DataError(
            f"cannot read {path}", why=error.problem, advice="put its config.json beside it"
        ) from error
    except _UNFORESEEN as error:
        raise DataError(
            f"{path} is not a GGUF file of a model", why=f"{type(error).__name__}: {error}"
        ) from error


def _model(
    path: Path, fields: dict[str, Any], tensors: dict[str, int], size: int, *, alone: bool
) -> Model:
    config = gguf_words.config(fields, tensors)
    words, family = families.completed(config, Words(config))
    shape = _exact(counting.count(words, family, {}), tensors, len(config))
    if size * 8 < _LEAST_BITS * shape.parameters:
        raise KeyProblemError(
            f"the file has {size / 1e9:.1f} GB for {shape.parameters / 1e9:.1f} billion weights:"
            " it is not whole, or one part of several"
        )
    sized = _sized(shape, size)
    count = fields.get("split.count")
    if alone and isinstance(count, int) and count > 1:
        note = f"the header says that it is one of {count} parts; only this file is counted"
        sized = replace(sized, warnings=(*sized.warnings, note))
    if gguf_words.window_without_pattern(fields, config):
        note = "the header does not say which layers have its window: all are planned as full"
        sized = replace(sized, warnings=(*sized.warnings, note))
    name = _PART.sub(r"\g<stem>", path.name).removesuffix(".gguf")
    facts = assembly.Facts(words, family, shape, sized)
    return replace(
        assembly.model(facts, name=name.lower(), hf_id=name, source=str(path)),
        location=str(path),
    )


def _exact(shape: Shape, tensors: dict[str, int], _fields: int) -> Shape:
    """Return the shape with the number of weights that the tensors have, where all are listed."""
    total = sum(tensors.values())
    if len(tensors) < len(shape.layers) or not shape.parameters:
        return shape
    difference = total - shape.parameters
    largest = max((m for m in shape.modules if m.linear), key=lambda m: m.parameters, default=None)
    if largest is None or largest.parameters + difference <= 0:
        return shape
    changed = replace(largest, parameters=largest.parameters + difference)
    modules = tuple(changed if module is largest else module for module in shape.modules)
    return replace(shape, modules=modules)


def _sized(shape: Shape, size: int) -> Sized:
    bits = size * 8 / shape.parameters
    quantization = Quantization("gguf", round(bits, 3))
    parts = ladder.scaled(ladder.by_part(shape, None), size)
    precision = ladder.nearest(quantization, parts, "float16")
    return ladder.Sized(float(size), float(size), ladder.FILES, quantization, precision, parts, ())
