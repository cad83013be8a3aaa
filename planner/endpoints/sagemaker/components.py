"""Inference components: the model of an endpoint that scales to zero machines and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.sagemaker import api, component_requests, expiry, removal, requests
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

_SCALING = "application-autoscaling"


def create(spec: DeploymentSpec) -> str:
    """Start the component on the machines of its endpoint and return its name."""
    name = requests.part_name(spec)
    try:
        api.call(
            "sagemaker",
            spec.region,
            "create_inference_component",
            f"create the inference component {name}",
            **component_requests.component(spec, name, requests.VARIANT),
            Tags=requests.tags(spec),
        )
    except CloudError as error:
        # A call that was repeated after a lost answer finds its own work.
        if not api.is_taken(error):
            raise
    return name


def undo(spec: DeploymentSpec, context: Context) -> None:
    """Delete this run's component."""
    name = requests.part_name(spec)
    removal.component(name, spec.region, context, on_busy=lambda: expiry.bring_forward(spec))


def scale(spec: DeploymentSpec) -> str:
    """Let the component go to zero copies when unused, and come back when asked."""
    name, region = requests.part_name(spec), spec.region
    target = component_requests.target(name)
    api.call(
        _SCALING,
        region,
        "register_scalable_target",
        "allow to scale to zero",
        **target,
        MinCapacity=0,
        MaxCapacity=component_requests.most_copies(spec),
    )
    api.call(
        _SCALING,
        region,
        "put_scaling_policy",
        "set the policy that scales to zero",
        **target,
        PolicyName=component_requests.TRACKING,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=component_requests.tracking(spec),
    )
    waking = api.call(
        _SCALING,
        region,
        "put_scaling_policy",
        "set the policy that wakes it",
        **target,
        PolicyName=component_requests.WAKING,
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration=component_requests.waking(),
    )
    api.call(
        "cloudwatch",
        region,
        "put_metric_alarm",
        "set the alarm that wakes it",
        **component_requests.wake_alarm(name),
        AlarmActions=[waking["PolicyARN"]],
        Tags=requests.tags(spec),
    )
    for part, cron, most in (
        ("off", spec.guard.off_hours, 0),
        ("on", spec.guard.on_hours, component_requests.most_copies(spec)),
    ):
        if cron:
            api.call(
                _SCALING,
                region,
                "put_scheduled_action",
                f"set the {part}-hours",
                **target,
                ScheduledActionName=f"planner-{name}-{part}",
                Schedule=f"cron({cron})",
                ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": most},
            )
    return name


def unscale(name: str, region: str) -> None:
    """Stop scaling a component; its policies go with the target. What is gone is no error."""
    api.delete(
        _SCALING,
        region,
        "deregister_scalable_target",
        "stop scaling",
        **component_requests.target(name),
    )
    api.delete(
        "cloudwatch",
        region,
        "delete_alarms",
        "remove the alarm that wakes it",
        AlarmNames=[component_requests.wake_alarm_name(name)],
    )
