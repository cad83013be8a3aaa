"""What botocore's models say beyond what its validator checks: enums, patterns, sizes.

Boto3 itself sends values that are in no enum; the service refuses them. So do the fakes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield what is wrong with a value, in the words in which SageMaker says it."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from violations(member, value[name], _join(path, name))
    elif shape.type_name == "list":
        yield from _size(shape, len(value), path)
        for item in value:
            yield from violations(shape.member, item, f"{path}.member")
    elif shape.type_name == "map":
        yield from _size(shape, len(value), path)
        for key, item in value.items():
            yield from violations(shape.key, key, f"{path}.key")
            yield from violations(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "string":
        yield from _text(shape, value, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _size(shape, value, path)


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield (
            f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy "
            f"enum value set: [{', '.join(allowed)}]"
        )
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_python(pattern), value, re.DOTALL):
        yield (
            f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy "
            f"regular expression pattern: {pattern}"
        )
    yield from _size(shape, len(value), path)


def _python(pattern: str) -> str:
    """Return a pattern of the models, which are Java's, in Python's words."""
    for java, python in ((r"\p{L}", r"\w"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d")):
        pattern = pattern.replace(java, python)
    return pattern


def _size(shape: Shape, size: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"Value at '{path}' failed to satisfy constraint: at least {least}"
    if most is not None and size > most:
        yield f"Value at '{path}' failed to satisfy constraint: at most {most}"


def _join(path: str, name: str) -> str:
    first = name[:1].lower() + name[1:]
    return f"{path}.{first}" if path else first
