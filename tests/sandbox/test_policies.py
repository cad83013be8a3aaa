"""What policies allow: AWS's documented rules, and roles that are known late."""

from __future__ import annotations

from typing import Any

import pytest

from planner.sandbox.aws.policies import Decision, decide

ENDPOINT = "arn:aws:sagemaker:eu-west-1:1:endpoint/llama"


def policy(*statements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Version": "2012-10-17", "Statement": list(statements)}]


def allow(action: Any = "*", resource: Any = "*", **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


def deny(action: Any = "*", resource: Any = "*", **rest: Any) -> dict[str, Any]:
    return {**allow(action, resource, **rest), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "action", "expected"),
    [
        # "Policy evaluation logic": by default all is denied; an explicit deny overrides.
        ([], "s3:GetObject", Decision.IMPLICIT_DENY),
        ([allow("s3:GetObject")], "s3:GetObject", Decision.ALLOWED),
        ([allow("s3:GetObject")], "s3:PutObject", Decision.IMPLICIT_DENY),
        ([allow(), deny("s3:*")], "s3:GetObject", Decision.EXPLICIT_DENY),
        ([deny("s3:*"), allow()], "s3:GetObject", Decision.EXPLICIT_DENY),
        # "IAM JSON policy elements: Action": wildcards, no case, lists.
        ([allow("S3:get*")], "s3:GetObject", Decision.ALLOWED),
        ([allow("s3:Get?bject")], "s3:GetObject", Decision.ALLOWED),
        ([allow(["s3:List*", "s3:Get*"])], "s3:GetObject", Decision.ALLOWED),
    ],
)
def test_actions(statements: list[dict[str, Any]], action: str, expected: Decision) -> None:
    assert decide(policy(*statements), action) is expected


@pytest.mark.parametrize(
    ("named", "asked", "expected"),
    [
        ("arn:aws:sagemaker:*:*:endpoint/*", ENDPOINT, Decision.ALLOWED),
        (["arn:aws:s3:::b", ENDPOINT], ENDPOINT, Decision.ALLOWED),
        ("arn:aws:sagemaker:*:*:endpoint/other*", ENDPOINT, Decision.IMPLICIT_DENY),
        # A simulation without a resource (cloud-custodian#4612).
        ("arn:aws:sagemaker:*:*:endpoint/*", "*", Decision.IMPLICIT_DENY),
        ("*", "*", Decision.ALLOWED),
    ],
)
def test_resources(named: Any, asked: str, expected: Decision) -> None:
    assert (
        decide(policy(allow("sagemaker:*", named)), "sagemaker:DeleteEndpoint", asked) is expected
    )


TAGGED = {"aws:ResourceTag/planner:endpoint": "llama"}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        # Several keys and operators: all of them; several values: one of them.
        ({"StringEquals": {"iam:PassedToService": ["a", "b"]}}, {"iam:PassedToService": "b"}, True),
        (
            {"StringEquals": {"iam:PassedToService": ["a", "b"]}},
            {"iam:PassedToService": "c"},
            False,
        ),
        ({"StringEquals": {"x": "1", "y": "2"}}, {"x": "1"}, False),
        ({"StringEquals": {"x": "1"}, "StringLike": {"y": "2*"}}, {"x": "1", "y": "22"}, True),
        # A key that the request does not have does not match, unless IfExists.
        ({"StringEquals": {"x": "1"}}, {}, False),
        ({"StringEqualsIfExists": {"x": "1"}}, {}, True),
        # Null: "true" if the key must be missing. Keys have no case.
        ({"Null": {"aws:ResourceTag/planner:endpoint": "false"}}, TAGGED, True),
        ({"Null": {"aws:ResourceTag/planner:endpoint": "false"}}, {}, False),
        ({"Null": {"AWS:resourcetag/planner:endpoint": "true"}}, {}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "TRUE"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*"}}, {"aws:SourceArn": "arn:aws:sns:x"}, True),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, str], holds: bool) -> None:  # noqa: FBT001 - a case
    found = decide(policy(allow(Condition=condition)), "s3:GetObject", ENDPOINT, context)
    assert (found is Decision.ALLOWED) is holds


@pytest.mark.parametrize(
    "statement", [allow(Condition={"DateLessThan": {"x": "1"}}), {**allow(), "NotResource": "*"}]
)
def test_what_is_not_simulated_is_an_error_and_never_a_yes(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not simulated"):
        decide(policy(statement), "s3:GetObject", "*", {"x": "1"})
