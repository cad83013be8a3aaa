"""What is sent for an endpoint that scales to zero machines: an inference component. Pure.

The recipe is AWS's ("Scale an endpoint to zero instances"): a configuration without a model
whose machines SageMaker manages down to none, the model as an inference component, its copies
as the scalable target, target tracking to go down to zero, and, because nothing divides by zero
copies, a step policy behind an alarm on refused requests to come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
TRACKING, WAKING = "planner-tracking", "planner-waking"
# A reservation and no limit; users report that SageMaker refuses a quarter of the machine's
# memory, and that containers take more than they reserve.
_MEMORY_MB = 1024
_COOLDOWN_S = 300
_WAKE_COOLDOWN_S = 60


def most_copies(spec: DeploymentSpec) -> int:
    """Return up to how many copies, of one machine each, it may scale."""
    return max(spec.guard.most_instances, spec.plan.instances)


def variant(spec: DeploymentSpec, plain: dict[str, Any]) -> dict[str, Any]:
    """Return the production variant: machines without a model, down to none."""
    described = {key: value for key, value in plain.items() if key != "InitialVariantWeight"}
    return {
        **described,
        "ManagedInstanceScaling": {
            "Status": "ENABLED",
            "MinInstanceCount": 0,
            "MaxInstanceCount": most_copies(spec),
        },
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }


def component(spec: DeploymentSpec, name: str, variant_name: str) -> dict[str, Any]:
    """Return the parameters of CreateInferenceComponent, without tags: a machine for each copy."""
    return {
        "InferenceComponentName": name,
        "EndpointName": spec.name,
        "VariantName": variant_name,
        "Specification": {
            "ModelName": name,
            "StartupParameters": {
                "ModelDataDownloadTimeoutInSeconds": spec.startup_timeout_s,
                "ContainerStartupHealthCheckTimeoutInSeconds": spec.startup_timeout_s,
            },
            "ComputeResourceRequirements": {
                "NumberOfAcceleratorDevicesRequired": float(spec.plan.accelerator_count),
                "MinMemoryRequiredInMb": _MEMORY_MB,
            },
        },
        "RuntimeConfig": {"CopyCount": spec.plan.instances},
    }


def target(component_name: str) -> dict[str, str]:
    """Return what names the scalable target in every call."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{component_name}",
        "ScalableDimension": DIMENSION,
    }


def tracking(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the target tracking policy, which goes as far down as zero."""
    return {
        "TargetValue": float(spec.guard.requests_per_minute),
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"
        },
        "ScaleInCooldown": _COOLDOWN_S,
        "ScaleOutCooldown": _COOLDOWN_S,
    }


def waking() -> dict[str, Any]:
    """Return the step policy that adds the first copy."""
    return {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Maximum",
        "Cooldown": _WAKE_COOLDOWN_S,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }


def wake_alarm(component_name: str) -> dict[str, Any]:
    """Return the alarm on refused requests, without its action and tags."""
    return {
        "AlarmName": wake_alarm_name(component_name),
        "AlarmDescription": f"planner: {component_name} was asked while it had no machine",
        "Namespace": "AWS/SageMaker",
        "MetricName": "NoCapacityInvocationFailures",
        "Dimensions": [{"Name": "InferenceComponentName", "Value": component_name}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        # AWS's example has GreaterThanThreshold: then a single request would not wake it.
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def wake_alarm_name(component_name: str) -> str:
    """Return the name of the alarm on refused requests."""
    return f"planner-{component_name}-wake"
