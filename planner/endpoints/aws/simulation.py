"""What an AWS identity may do, as IAM itself simulates it (SimulatePrincipalPolicy).

A simulation without a resource asks about ``*``, which a policy that names resources does not
match: so each action is asked about the resource that it will really be used on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.clouds.aws import HOME_REGION
from planner.endpoints.aws import calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Question:
    """Whether these actions are allowed there.

    Attributes:
        actions: ``iam:PassRole``.
        resource: An ARN; empty for all resources.
        context: Condition keys that the request will have, and their values.
    """

    actions: Sequence[str]
    resource: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


def denied(principal: str, questions: Iterable[Question]) -> list[str]:
    """Return the actions that a user or role lacks.

    Raises:
        PermissionDeniedError: Simulations are not allowed: nothing is known.
    """
    found: set[str] = set()
    for question in questions:
        answer = calls.call(
            "iam",
            HOME_REGION,
            "simulate_principal_policy",
            "simulate the permissions",
            PolicySourceArn=principal,
            ActionNames=list(question.actions),
            **({"ResourceArns": [question.resource]} if question.resource else {}),
            **({"ContextEntries": _entries(question.context)} if question.context else {}),
        )
        found |= {
            item["EvalActionName"]
            for item in answer["EvaluationResults"]
            if item["EvalDecision"] != "allowed"
        }
    return sorted(found)


def _entries(context: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
