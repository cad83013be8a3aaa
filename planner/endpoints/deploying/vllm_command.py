"""What vLLM is told, the same on every cloud: from a plan, and from the user's own arguments."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from planner.endpoints.deploying import engine_arguments
from planner.errors import UnknownNameError, UsageError
from planner.serving import checkpoint_support, engines, models
from planner.serving.models.adapters import served_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.model import DeploymentSpec, Weights
    from planner.plan import Plan

_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
# AWS's container (its sagemaker_entrypoint.sh): SM_VLLM_FOO_BAR=x becomes --foo-bar x.
_PREFIX = "SM_VLLM_"


def of(spec: DeploymentSpec, *, copies: int | None = None) -> dict[str, str]:
    """Return the flags of a deployment (:func:`flags`)."""
    return flags(
        spec.plan, spec.weights, spec.context, copies=copies, chosen=spec.container.arguments
    )


def flags(
    plan: Plan,
    weights: Weights,
    context: int,
    *,
    copies: int | None = None,
    chosen: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the flags of ``vllm serve`` for a plan, without their dashes; on any cloud.

    A flag without a value has an empty one; of a flag that takes several values, the value is
    their words as a shell reads them. Several copies of the model on one machine are
    vLLM's data parallel ranks: one container and one address, the weights downloaded once, and
    each request goes to the copy that has the fewest.

    Args:
        plan: What is to run.
        weights: Where it comes from.
        context: Tokens of one request.
        copies: That one container serves; by default all of a machine.
        chosen: The user's own (:mod:`.engine_arguments`).
    """
    location = "/opt/ml/model" if weights.in_s3 else weights.location
    made = {
        "model": location,
        "served-model-name": shlex.quote(plan.model),
        "tensor-parallel-size": str(plan.tensor_parallel),
        "max-model-len": str(context),
        "gpu-memory-utilization": f"{plan.gpu_memory_utilization or engines.VLLM_UTILIZATION:.2f}",
        "dtype": _DTYPES.get(plan.precision, "auto"),
    }
    if plan.pipeline_parallel > 1:
        made["pipeline-parallel-size"] = str(plan.pipeline_parallel)
    replicas = plan.replicas if copies is None else copies
    if replicas > 1:
        made["data-parallel-size"] = str(replicas)
    if plan.max_num_seqs is not None:
        made["max-num-seqs"] = str(plan.max_num_seqs)
    if plan.kv_precision == "fp8":
        made["kv-cache-dtype"] = "fp8"
    if weights.quantization:
        made["quantization"] = weights.quantization
    return made | _flags_of_model(plan) | dict(chosen or {})


def words(flags: Mapping[str, str]) -> list[str]:
    """Return flags as words of a command line; one without a value stands alone."""
    made: list[str] = []
    for name, value in flags.items():
        several = engine_arguments.takes_several(name)
        values = shlex.split(value) if several else [value] if value else []
        made += [f"--{name}", *values]
    return made


def joined(flags: Mapping[str, str]) -> list[str]:
    """Return flags as words with their value behind ``=``, where they have just one."""
    made: list[str] = []
    for name, value in flags.items():
        flag, *values = words({name: value})
        made += [f"{flag}={values[0]}"] if len(values) == 1 else [flag, *values]
    return made


def sagemaker_environment(flags: Mapping[str, str]) -> dict[str, str]:
    """Return flags as the variables of AWS's container, which gives each flag one value.

    Raises:
        UsageError: A flag has several values.
    """
    made = {}
    for name, value in flags.items():
        _, *values = words({name: value})
        if len(values) > 1:
            raise UsageError(
                f"--{name} takes one value on SageMaker, not {len(values)}",
                why="AWS's container hands vLLM one value for each flag",
                advice="--to ec2, gce or azure-vm",
            )
        made[f"{_PREFIX}{name.upper().replace('-', '_')}"] = "".join(values)
    return made


def _flags_of_model(plan: Plan) -> dict[str, str]:
    """Return what the checkpoint asks of vLLM: whole experts on each GPU, or an adapter."""
    try:
        model = models.get(plan.model)
    except UnknownNameError:  # learned by another process, and nothing is known of it here
        return {}
    made: dict[str, str] = {}
    if plan.precision == model.native_precision:
        made |= dict.fromkeys(checkpoint_support.splits(model, plan.tensor_parallel).flags, "")
    adapter = model.adapter
    if adapter is not None:
        made |= {
            "enable-lora": "",
            "lora-modules": shlex.quote(f"{model.name}={adapter.location}"),
            "max-lora-rank": str(served_rank(adapter.rank)),
            # The name of the plan is the adapter's; its base has a name of its own.
            "served-model-name": shlex.quote(adapter.base),
        }
    return made
