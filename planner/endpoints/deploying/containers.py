"""Which image serves a plan, and what it is told.

vLLM is the engine everywhere. On SageMaker that is AWS's own vLLM container; the LMI container
is the second choice, and TGI is there for those who ask for it. Image names come from
``deploy_templates/sagemaker/*.csv``, which ``build.py`` beside them writes from the SageMaker
SDK's own data; the account of an image differs between regions, so it is always looked up.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.endpoints.deploying import vllm_command
from planner.endpoints.model import Container, Weights
from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.serving import checkpoint_support, checkpoints, memory, models, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.plan import Plan
    from planner.serving.models import Model

ENGINES = ("vllm", "lmi", "tgi")
# SageMaker's own images for the host, by the CUDA version their driver runs. Source: boto3's
# ProductionVariantInferenceAmiVersion and AWS's "SageMaker inference GPU drivers" page.
_MACHINE_IMAGES = {
    "12.4": "al2-ami-sagemaker-inference-gpu-3-1",
    "13.0": "al2023-ami-sagemaker-inference-gpu-4-1",
}
# The driver that a machine has without one of them, where it is good enough (same page).
_DEFAULT_CUDA = {"p5e": "12.4", "p5en": "12.4"}
_LARGEST_VOLUME_GB = 512
_SPARE_GB = 30  # the image and the system
_LONG_DOWNLOAD_GB = 30


def weights_for(model: Model, precision: str, location: str = "") -> Weights:
    """Return where the weights of a model at a precision come from.

    Args:
        model: What to serve.
        precision: What the plan runs.
        location: The user's own choice: a Hugging Face id or ``s3://bucket/prefix/``.

    Raises:
        UsageError: The precision needs a quantized checkpoint, and none is known.
    """
    size_gb = memory.weight_bytes(model, precision) / 1e9
    # A bucket holds the very files that were read; an id may be the way out of their method.
    loads = checkpoint_support.has_method(model) or not checkpoints.is_own(model, precision)
    if location.startswith("s3://") and not loads:
        raise _no_weights(model, precision)
    if location:
        gated = model.gated == "yes" and location.partition("/")[0] == model.hf_id.partition("/")[0]
        stored = model.quantization is not None and checkpoints.is_own(model, precision)
        while_loading = "" if stored else checkpoints.QUANTIZED_WHILE_LOADING.get(precision, "")
        return Weights(
            location,
            while_loading,
            gated,
            chat=True,
            size_gb=size_gb,
        )
    known = checkpoints.known()
    if (model.name, precision) in known:
        row = known[model.name, precision]
        return _weights(row, row["quantization"], size_gb)
    own = checkpoints.is_own(model, precision)
    if not checkpoints.exists(model, precision):
        raise _no_weights(model, precision)
    quantization = "" if own else checkpoints.QUANTIZED_WHILE_LOADING[precision]
    # What is quantized while loading is downloaded at 16 bits.
    downloaded = memory.weight_bytes(model, model.native_precision) / 1e9
    if (model.name, "native") in known:
        return _weights(known[model.name, "native"], quantization, downloaded)
    gated = model.gated == "yes"
    return Weights(model.hf_id, quantization, gated, chat=False, size_gb=downloaded)


def _no_weights(model: Model, precision: str) -> UsageError:
    """Return the error, with the hub's most used checkpoint as advice where it answers.

    What strangers quantized is named, never loaded without being asked for.
    """
    loads = checkpoint_support.has_method(model)
    if not loads and checkpoints.is_own(model, precision):
        method = model.quantization.method if model.quantization else ""
        return UsageError(
            f"vLLM does not load the {method} weights of {model.name}",
            why="it fits into memory, but the engine has no code for that method",
            advice="--weights OWNER/NAME of a checkpoint in AWQ, GPTQ, fp8 or compressed-tensors",
        )
    found = models.published(model.hf_id, precision) if "/" in model.hf_id else ""
    seen = f"the hub's most used one is {found}" if found else "planner knows none"
    return UsageError(
        f"no {precision} weights of {model.name} are known",
        why=f"a model is quantized before it is served, and of such checkpoints {seen}",
        advice=f"--weights {found or 'HUGGING-FACE-ID'} or --weights s3://BUCKET/PREFIX/",
    )


def container_for(
    plan: Plan,
    weights: Weights,
    *,
    engine: str,
    context: int,
    machine_image: str = "",
    arguments: Mapping[str, str] | None = None,
) -> Container:
    """Return the image and its settings for a plan.

    Args:
        plan: What is to run.
        weights: Where it comes from.
        engine: One of :data:`ENGINES`.
        context: Tokens of one request.
        machine_image: Overrides the host image that the CUDA version asks for.
        arguments: The user's own, for vLLM (:mod:`.engine_arguments`).

    Raises:
        UnknownNameError: No such engine.
        UsageError: Arguments for another engine than vLLM.
        NotFoundError: The image is not published in the region.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    row = _images()[engine]
    return Container(
        engine=engine,
        version=row["version"],
        image=image_uri(engine, plan.region),
        cuda=row["cuda"],
        machine_image=machine_image or _machine_image(plan.instance_type, row["cuda"]),
        environment=_environment(engine, plan, weights, context, arguments or {}),
        arguments=dict(arguments or {}),
        told_by_environment=True,
    )


def image_uri(engine: str, region: str) -> str:
    """Return the image of an engine in a region.

    Raises:
        NotFoundError: AWS does not publish it there.
    """
    found = _registries().get((engine, region))
    if found is None:
        there = sorted(r for e, r in _registries() if e == engine)
        raise NotFoundError(
            f"AWS publishes no {engine} image in {region}",
            why=f"it is in {len(there)} regions, among them {', '.join(there[-4:])}",
            advice="another --region, or --engine lmi",
        )
    account, domain = found
    return f"{account}.dkr.ecr.{region}.{domain}/{_images()[engine]['image']}"


def local_storage_gb(instance_type: str) -> float | None:
    """Return the disks in a machine (``ml.`` or not); None where the type is not known."""
    return _storage().get(instance_type.removeprefix("ml."))


def volume_gb(instance_type: str, weights: Weights) -> int | None:
    """Return the volume to order, or None where the machine brings its own disks.

    SageMaker hosts keep models on the instance's own disks where it has any, and a volume
    size is then refused or ignored; that it is refused is reported, not documented.
    """
    if local_storage_gb(instance_type):
        return None
    need = math.ceil((weights.size_gb or _LARGEST_VOLUME_GB) * 1.2) + _SPARE_GB
    return min(need, _LARGEST_VOLUME_GB)


def startup_timeout_s(weights: Weights) -> int:
    """Return how long a container may take to answer; SageMaker allows an hour at most."""
    large = weights.size_gb is None or weights.size_gb > _LONG_DOWNLOAD_GB
    return 3600 if large else 1800


def license_of(model: Model) -> tuple[bool, str]:
    """Return whether a licence must be accepted by its users, and where it can be read.

    A licence planner has no row for must be accepted too, unless it is one of the usual open
    ones: unknown terms are not assumed to be free.
    """
    for row in table.read(deploy_templates() / "licenses.csv"):
        if row["license"] == model.license:
            return row["must_accept"] == "yes", row["url"]
    is_open = re.match(r"(Apache|MIT|BSD|Modified MIT)", model.license) is not None
    return not is_open, f"https://huggingface.co/{model.hf_id}"


def model_of(plan: Plan) -> Model:
    """Return the model of a plan."""
    return models.get(plan.model)


def _weights(row: dict[str, str], quantization: str, size_gb: float) -> Weights:
    return Weights(
        row["location"], quantization, row["gated"] == "yes", row["chat"] == "yes", size_gb
    )


def _machine_image(instance_type: str, cuda: str) -> str:
    family = instance_type.removeprefix("ml.").split(".")[0]
    return "" if _DEFAULT_CUDA.get(family) == cuda else _MACHINE_IMAGES.get(cuda, "")


def _environment(
    engine: str, plan: Plan, weights: Weights, context: int, arguments: Mapping[str, str]
) -> dict[str, str]:
    if engine == "vllm":
        told = vllm_command.flags(plan, weights, context, chosen=arguments)
        return vllm_command.sagemaker_environment(told)
    if arguments:
        raise UsageError(
            f"--engine-arg and --lora are vLLM's, and the container is {engine}",
            advice="--engine vllm",
        )
    return _ENVIRONMENTS[engine](plan, weights, context)


def _lmi(plan: Plan, weights: Weights, context: int) -> dict[str, str]:
    return {
        "HF_MODEL_ID": "/opt/ml/model" if weights.in_s3 else weights.location,
        "OPTION_ROLLING_BATCH": "vllm",
        # LMI starts as many copies as the machine's GPUs allow at this degree.
        "OPTION_TENSOR_PARALLEL_DEGREE": str(plan.tensor_parallel),
        "OPTION_DTYPE": plan.precision if plan.precision in checkpoints.SIXTEEN_BITS else "auto",
        "OPTION_MAX_MODEL_LEN": str(context),
        **({"OPTION_QUANTIZE": weights.quantization} if weights.quantization else {}),
    }


def _tgi(plan: Plan, weights: Weights, context: int) -> dict[str, str]:
    return {
        "HF_MODEL_ID": "/opt/ml/model" if weights.in_s3 else weights.location,
        "SM_NUM_GPUS": str(plan.tensor_parallel),
        "MAX_TOTAL_TOKENS": str(context),
        "MAX_INPUT_TOKENS": str(context - 1),
        **({"HF_MODEL_QUANTIZE": weights.quantization} if weights.quantization else {}),
    }


_ENVIRONMENTS = {"lmi": _lmi, "tgi": _tgi}


@cache
def _images() -> dict[str, dict[str, str]]:
    rows = table.read(deploy_templates() / "sagemaker" / "images.csv")
    return {row["engine"]: row for row in rows}


@cache
def _registries() -> dict[tuple[str, str], tuple[str, str]]:
    rows = table.read(deploy_templates() / "sagemaker" / "image_registries.csv")
    return {(row["engine"], row["region"]): (row["account"], row["domain"]) for row in rows}


@cache
def _storage() -> dict[str, float]:
    rows = table.read(deploy_templates() / "sagemaker" / "instance_storage.csv")
    return {row["instance_type"]: float(row["local_storage_gb"]) for row in rows}
