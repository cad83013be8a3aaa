"""Imported by the server of the test processes: loads what every deploy loads."""

import boto3
import tenacity

import planner.endpoints.sagemaker
import planner.quotas.aws
import planner.quotas.checking

__all__ = ["boto3", "planner", "tenacity"]

_session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106 - none
for _service in ("iam", "sts", "sagemaker", "scheduler", "logs", "service-quotas"):
    _session.client(_service, region_name="us-east-1").close()
