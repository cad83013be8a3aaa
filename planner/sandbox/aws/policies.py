"""What IAM policies allow: enough of AWS's evaluation for the policies that planner makes.

Documented (IAM user guide): "Policy evaluation logic" (a matching Deny wins, else a matching Allow,
else an implicit deny), "IAM JSON policy elements" (wildcards; actions in any case; several
operators and keys must all hold, of several values one), and the operators below. Moto's own
enforcement knows no conditions. An element or operator that is not below is an error here, so that
no policy passes because it was not understood.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}
_IF_EXISTS = "IfExists"


class Decision(StrEnum):
    """How AWS decides, in its own words (``EvalDecision``)."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


def decide(
    documents: Iterable[Mapping[str, Any]],
    action: str,
    resource: str = "*",
    context: Mapping[str, str] | None = None,
) -> Decision:
    """Return what identity policies say to an action.

    Args:
        documents: The policies of the identity.
        action: ``sagemaker:DeleteEndpoint``.
        resource: An ARN; ``*`` for an action on nothing in particular. A policy that names
            resources does not match ``*``, as in SimulatePrincipalPolicy.
        context: Condition keys that the request has, and their values.
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _list(document["Statement"])
        if _matches(statement, action, resource, context or {})
    }
    if "Deny" in effects:
        return Decision.EXPLICIT_DENY
    return Decision.ALLOWED if "Allow" in effects else Decision.IMPLICIT_DENY


def _matches(
    statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    if unknown := set(statement) - _KNOWN:
        raise ValueError(f"policy element not simulated: {sorted(unknown)}")
    actions, resources = _list(statement["Action"]), _list(statement.get("Resource", "*"))
    return (
        any(_like(pattern.casefold(), action.casefold()) for pattern in actions)
        and any(_like(pattern, resource) for pattern in resources)
        and all(
            _holds(operator, key, _list(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, wanted: list[str], context: Mapping[str, str]) -> bool:
    """Tell whether one key of a condition holds; keys have no case."""
    have = next((v for name, v in context.items() if name.casefold() == key.casefold()), None)
    if operator == "Null":
        return any((have is None) == (str(value).casefold() == "true") for value in wanted)
    plain = operator.removesuffix(_IF_EXISTS)
    if have is None:
        return plain != operator
    compare = _OPERATORS.get(plain)
    if compare is None:
        raise ValueError(f"policy condition not simulated: {operator}")
    return any(compare(str(value), have) for value in wanted)


def _like(pattern: str, text: str) -> bool:
    """Compare with ``*`` for any characters and ``?`` for one."""
    words = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(words, text, re.DOTALL) is not None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, have: value == have,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, have: value.casefold() == have.casefold(),
}


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON: one or several
    return value if isinstance(value, list) else [value]
