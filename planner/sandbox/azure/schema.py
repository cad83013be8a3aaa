"""Hold what planner sends against the vendor's own models: unknown members are errors.

The models of azure-mgmt-compute and azure-mgmt-network are made from Microsoft's API
specification. The SDKs themselves send whatever they are given; Resource Manager does not take
all of it. azure-mgmt-network is large, and planner itself does without: bodies of networks are
held against it where it is installed, as in planner's own tests.
"""

from __future__ import annotations

import types
import typing
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any

MODELS = {
    "microsoft.compute/virtualmachines": "azure.mgmt.compute.models.VirtualMachine",
    "microsoft.network/networksecuritygroups": "azure.mgmt.network.models.NetworkSecurityGroup",
    "microsoft.network/networksecuritygroups/securityrules": (
        "azure.mgmt.network.models.SecurityRule"
    ),
    "microsoft.network/virtualnetworks": "azure.mgmt.network.models.VirtualNetwork",
}
# Lists sizes of 2018 and is "deprecated" by its own words: the list of SKUs counts.
_OPEN = ("vmSize",)
_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
}


def wrong(kind: str, body: object) -> list[str]:
    """Return what is wrong with the body of a resource; nothing where no model is at hand.

    Args:
        kind: In small letters: ``microsoft.compute/virtualmachines``.
        body: As it was sent.
    """
    if kind not in MODELS:
        return []
    module, _, name = MODELS[kind].rpartition(".")
    try:
        models = import_module(module)
    except ModuleNotFoundError:
        return []
    return wrong_by(getattr(models, name), body)


def wrong_by(model: type, body: object) -> list[str]:
    """Return what is wrong with a body by one of the SDKs' models."""
    return _check(body, model, "")


def _check(value: object, expected: Any, path: str) -> list[str]:  # noqa: ANN401 - any annotation
    """Return what is wrong with a value, by the annotation of its member."""
    origin, inner = typing.get_origin(expected), typing.get_args(expected)
    if origin in (typing.Union, types.UnionType):
        return _check_union(value, [item for item in inner if item is not type(None)], path)
    if origin in (list, dict):
        if not isinstance(value, origin):
            return [f"{path} must be a {origin.__name__}"]
        parts = enumerate(value) if isinstance(value, list) else value.items()
        return [text for key, item in parts for text in _check(item, inner[-1], f"{path}.{key}")]
    return _check_plain(value, expected, path) if isinstance(expected, type) else []


def _check_union(value: object, kinds: list[Any], path: str) -> list[str]:
    """Return what is wrong; a text whose values are listed must be one of them."""
    enums = [item for item in kinds if isinstance(item, type) and issubclass(item, Enum)]
    if enums and not path.endswith(_OPEN):
        allowed = [member.value for kind in enums for member in kind]
        return [] if value in allowed else [f"{path} cannot be {value!r}"]
    return _check(value, kinds[0], path) if len(kinds) == 1 else []


def _check_plain(value: object, expected: Any, path: str) -> list[str]:  # noqa: ANN401 - a class
    members = _members(expected) if _is_model(expected) else None
    if members is None:
        plain = _PLAIN.get(expected)
        fits = plain is None or (
            isinstance(value, plain) and (expected is bool) is isinstance(value, bool)
        )
        return [] if fits else [f"{path} must be {expected.__name__}"]
    if not isinstance(value, dict):
        return [f"{path} must be an object"]
    found = [f"{path}.{name} is not known" for name in value if name not in members]
    for name, (kind, required, writable) in members.items():
        if name in value:
            if not writable:
                found.append(f"{path}.{name} is read-only")
            found += _check(value[name], kind, f"{path}.{name}")
        elif required:
            found.append(f"{path}.{name} is missing")
    return found


def _is_model(expected: Any) -> bool:  # noqa: ANN401 - a class
    return any(base.__name__ == "Model" for base in getattr(expected, "__mro__", ()))


@cache
def _members(model: Any) -> dict[str, tuple[Any, bool, bool]]:  # noqa: ANN401 - a class
    """Return the members of a model by their names on the wire: type, required, writable."""
    model({})  # the SDK finds its members out when a model is first made
    module = import_module(model.__module__)
    names = {**vars(module), "_models": import_module(model.__module__.rpartition(".")[0])}
    hints = typing.get_type_hints(model, globalns=names)
    found = {}
    for attribute, field in model._attr_to_rest_field.items():  # noqa: SLF001 - the SDK's own table
        kind = hints[attribute]
        visibility = field._visibility or ["create"]  # noqa: SLF001 - as above
        found[field._rest_name] = (  # noqa: SLF001 - as above
            kind,
            type(None) not in typing.get_args(kind),
            "create" in visibility,
        )
    return found
