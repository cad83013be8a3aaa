"""More guard than the expiry: an idle alarm, a budget, autoscaling, off-hours. Each is opt-in.

* Idle: a CloudWatch alarm on ``Invocations``; it notifies an SNS topic. What deletes is in
  :mod:`planner.endpoints.sagemaker.idle`.
* Budget: AWS Budgets on the endpoint's tag. Billing data lag by hours, so it warns and is no
  brake. The tag must be activated as a cost allocation tag in the billing console.
* Autoscaling: Application Auto Scaling on invocations per machine. A variant of this kind
  cannot go to zero; that needs inference components
  (:mod:`planner.endpoints.sagemaker.components`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import aws, settings
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.model import TAG_ENDPOINT
from planner.endpoints.sagemaker import api, requests
from planner.errors import CloudError, UsageError
from planner.ledger import Resource

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec
    from planner.endpoints.watching.guard import Guard

_HOUR_S = 3600
_LONGEST_ALARM_S = 7 * 24 * _HOUR_S
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_COOLDOWN_S = 600  # starting a large model takes longer than this; scaling in may be slow


def check(spec: DeploymentSpec) -> None:
    """Raise UsageError for a guard that cannot work."""
    guard = spec.guard
    if guard.idle is not None and "alarm" not in guard.kinds and not guard.deletes_idle:
        raise UsageError(
            "--idle needs someone to tell",
            advice="--notify ARN-OF-AN-SNS-TOPIC, or --idle-action delete",
        )
    if guard.deletes_idle and spec.guard.most_instances:
        raise UsageError(
            "--idle-action delete does not go with --max-instances",
            why="each change of the number of machines would begin the time anew",
            advice="leave one of them out",
        )
    if guard.idle is not None and not _HOUR_S <= guard.idle.total_seconds() <= _LONGEST_ALARM_S:
        raise UsageError("--idle takes an hour to seven days", advice="--idle 2h")
    if guard.budget_usd and not guard.notify:
        raise UsageError("--budget needs someone to tell", advice="--notify you@example.com")
    if guard.most_instances and guard.most_instances < spec.plan.instances:
        raise UsageError(
            f"--max-instances {guard.most_instances} is below --instances {spec.plan.instances}"
        )
    _check_least(guard, spec.plan.instances)
    if bool(guard.off_hours) != bool(guard.on_hours):
        raise UsageError("--off-hours and --on-hours go together", why="both are cron, UTC")
    if guard.off_hours and not guard.most_instances and not guard.to_zero:
        raise UsageError("--off-hours needs autoscaling", advice="--max-instances N")


def _check_least(guard: Guard, instances: int) -> None:
    if guard.least_instances is None:
        return
    if guard.least_instances > instances:
        raise UsageError(
            f"--min-instances {guard.least_instances} is above --instances {instances}"
        )
    if not guard.to_zero and not guard.most_instances:
        raise UsageError("--min-instances needs autoscaling", advice="--max-instances N")
    if guard.to_zero and guard.idle is not None:
        raise UsageError(
            "--idle does not go with --min-instances 0",
            why="an unused endpoint goes to zero machines by itself, after about 15 minutes",
            advice="leave one of them out",
        )


def before(spec: DeploymentSpec, account: str) -> list[Step]:
    """Return the steps that warn: an alarm and a budget; they come before the endpoint."""
    guard, made = spec.guard, []
    if "alarm" in guard.kinds:
        made.append(
            Step(
                "set the idle alarm",
                lambda: _alarm(spec, guard),
                lambda: remove("alarm", spec.name, spec.region),
                _record(spec, account, "alarm"),
            )
        )
    if guard.budget_usd:
        made.append(
            Step(
                "set the budget",
                lambda: _budget(spec, guard, account),
                lambda: remove("budget", spec.name, spec.region),
                _record(spec, account, "budget"),
            )
        )
    return made


def after(spec: DeploymentSpec, account: str) -> list[Step]:
    """Return the steps that scale; they need an endpoint in service."""
    if "autoscaling" not in spec.guard.kinds:
        return []
    return [
        Step(
            "set autoscaling",
            lambda: _autoscaling(spec, spec.guard),
            lambda: remove("autoscaling", spec.name, spec.region),
            _record(spec, account, "autoscaling"),
        )
    ]


def remove(kind: str, name: str, region: str) -> None:
    """Remove a guard of an endpoint; one that is not there is no error."""
    if kind == "alarm":
        _remove_alarm(name, region)
    elif kind == "budget":
        _remove_budget(name, aws.account())
    elif kind == "autoscaling":
        _remove_autoscaling(name, region)


def _alarm(spec: DeploymentSpec, guard: Guard) -> str:
    hours = int(guard.idle.total_seconds() // _HOUR_S) if guard.idle else 1
    api.call(
        "cloudwatch",
        spec.region,
        "put_metric_alarm",
        "set the idle alarm",
        AlarmName=_name(spec.name),
        AlarmDescription=f"planner: {spec.name} had no request for {hours} hours",
        Namespace="AWS/SageMaker",
        MetricName="Invocations",
        Dimensions=[
            {"Name": "EndpointName", "Value": spec.name},
            {"Name": "VariantName", "Value": requests.VARIANT},
        ],
        Statistic="Sum",
        Period=_HOUR_S,
        EvaluationPeriods=hours,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[guard.notify],
        Tags=requests.tags(spec),
    )
    return _name(spec.name)


def _budget(spec: DeploymentSpec, guard: Guard, account: str) -> str:
    kind = "SNS" if guard.notify.startswith("arn:") else "EMAIL"
    notifications = [
        {
            "Notification": {
                "NotificationType": "ACTUAL",
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": percent,
                "ThresholdType": "PERCENTAGE",
            },
            "Subscribers": [{"SubscriptionType": kind, "Address": guard.notify}],
        }
        for percent in (80, 100)
    ]
    try:
        api.call(
            "budgets",
            aws.HOME_REGION,
            "create_budget",
            "set the budget",
            AccountId=account,
            Budget={
                "BudgetName": _name(spec.name),
                "BudgetLimit": {"Amount": str(guard.budget_usd), "Unit": "USD"},
                "TimeUnit": "MONTHLY",
                "BudgetType": "COST",
                "CostFilters": {"TagKeyValue": [f"user:{TAG_ENDPOINT}${spec.name}"]},
            },
            NotificationsWithSubscribers=notifications,
        )
    except CloudError as error:
        if error.code != "DuplicateRecordException":
            raise
    return _name(spec.name)


def _autoscaling(spec: DeploymentSpec, guard: Guard) -> str:
    target: dict[str, Any] = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": _resource(spec.name),
        "ScalableDimension": _DIMENSION,
    }
    service, region = "application-autoscaling", spec.region
    usual = spec.plan.instances if guard.least_instances is None else guard.least_instances
    least = 1 if guard.off_hours else usual
    api.call(
        service,
        region,
        "register_scalable_target",
        "allow to scale",
        **target,
        MinCapacity=least,
        MaxCapacity=guard.most_instances,
    )
    api.call(
        service,
        region,
        "put_scaling_policy",
        "set the scaling policy",
        **target,
        PolicyName=_name(spec.name),
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(guard.requests_per_minute),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            "ScaleInCooldown": _COOLDOWN_S,
            "ScaleOutCooldown": _COOLDOWN_S,
        },
    )
    for part, cron, fewest, most in (
        ("off", guard.off_hours, 1, 1),
        ("on", guard.on_hours, usual, guard.most_instances),
    ):
        if cron:
            api.call(
                service,
                region,
                "put_scheduled_action",
                f"set the {part}-hours",
                **target,
                ScheduledActionName=f"{_name(spec.name)}-{part}",
                Schedule=f"cron({cron})",
                ScalableTargetAction={"MinCapacity": fewest, "MaxCapacity": most},
            )
    return _resource(spec.name)


def _remove_alarm(name: str, region: str) -> None:
    api.delete(
        "cloudwatch", region, "delete_alarms", "remove the idle alarm", AlarmNames=[_name(name)]
    )


def _remove_budget(name: str, account: str) -> None:
    api.delete(
        "budgets",
        aws.HOME_REGION,
        "delete_budget",
        "remove the budget",
        AccountId=account,
        BudgetName=_name(name),
    )


def _remove_autoscaling(name: str, region: str) -> None:
    """Deregister the target; its policies and scheduled actions go with it."""
    api.delete(
        "application-autoscaling",
        region,
        "deregister_scalable_target",
        "stop scaling",
        ServiceNamespace="sagemaker",
        ResourceId=_resource(name),
        ScalableDimension=_DIMENSION,
    )


def _name(endpoint: str) -> str:
    return f"planner-{endpoint}"


def _resource(endpoint: str) -> str:
    return f"endpoint/{endpoint}/variant/{requests.VARIANT}"


def _record(spec: DeploymentSpec, account: str, kind: str) -> Resource:
    return Resource(
        id=f"{spec.region}/{kind}/{spec.name}/{spec.run}",
        endpoint=spec.name,
        cloud="aws",
        account=account,
        region=spec.region,
        kind=f"sagemaker:{kind}",
        recorded_at=settings.now(),
        tags=spec.tags,
        expires_at=spec.expires_at,
    )
