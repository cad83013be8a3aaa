"""The options of ``planner deploy``, and what they come to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.layout_options import load_options, memory_options
from planner.cli.options import GEOS, model_argument
from planner.cli.quota.options import account_options
from planner.cli.words import GEO_WORDS, PRECISION_WORDS, PRECISIONS, Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.endpoints.deploying.choices import Options

_SHORTEST_LIFE = timedelta(minutes=5)
CLOUD_SERVICES = ("sagemaker", "ec2", "gce", "azure-vm")
_OF_CLOUD = {"aws": "sagemaker", "azure": "azure-vm", "gcp": "gce", "google": "gce"}
CLUSTERS = ("gke", "eks", "aks")
"""Where manifests go (``--emit kubernetes``)."""


def _to_services(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> tuple[str, ...]:
    """Return the services of a text such as ``sagemaker,gce`` (a click callback)."""
    value = value.casefold()
    if value == "cheapest":
        return CLOUD_SERVICES
    words = [word.strip() for word in value.split(",")]
    services = tuple(dict.fromkeys(_OF_CLOUD.get(word, word) for word in words))
    known = (*CLOUD_SERVICES, "local", *CLUSTERS)
    for service in services:
        if service not in known:
            raise click.BadParameter(f"{service!r} is none of {', '.join(known)}, cheapest")
    if len(services) > 1 and "local" in services:
        raise click.BadParameter("this machine is no cloud: --to local stands alone")
    return services


_OPTIONS = (
    model_argument,
    click.option(
        "--to",
        "services",
        metavar="WHERE",
        callback=_to_services,
        default="sagemaker",
        show_default=True,
        help="sagemaker, ec2, gce, azure-vm, local; several with commas, or cheapest: any cloud, "
        "wherever there is room. With --emit kubernetes: gke, eks, aks.",
    ),
    click.option(
        "--instance-type", metavar="NAME", help="Machine.  [default: the cheapest that fits]"
    ),
    click.option("--region", metavar="NAME", help="Region.  [default: the cheapest of --geo]"),
    click.option(
        "--geo",
        type=Choice(GEOS, GEO_WORDS),
        default="us",
        show_default=True,
        help="Where to look.",
    ),
    click.option(
        "--precision",
        type=Choice(PRECISIONS, PRECISION_WORDS),
        help="Of the weights.  [default: the model's own]",
    ),
    click.option(
        "--context", type=click.IntRange(min=1), metavar="TOKENS", help="Tokens of a request."
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="Requests of that length that must fit at once.",
    ),
    load_options,
    memory_options,
    click.option(
        "--instances",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Machines; each serves the whole model.",
    ),
    click.option(
        "--name", metavar="NAME", default="", help="Of the endpoint.  [default: the model's]"
    ),
    click.option(
        "--expires",
        metavar="DURATION",
        callback=to_duration,
        default="8h",
        show_default=True,
        help="The cloud deletes it after this: 90m, 8h, 2d.",
    ),
    click.option(
        "--no-expiry", is_flag=True, help="Let it run, and cost, until someone deletes it."
    ),
    click.option(
        "--max-hourly",
        type=float,
        metavar="USD",
        envvar="PLANNER_MAX_HOURLY",
        help="Refuse what costs more an hour.",
    ),
    click.option(
        "--anywhere",
        type=Choice(GEOS, GEO_WORDS),
        metavar="GEO",
        help="On a lack of capacity try other types and regions: us, eu, ap, all.",
    ),
    click.option(
        "--tries",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        metavar="N",
        help="Of several places try so many, the cheapest.",
    ),
    click.option(
        "--keep-trying",
        metavar="DURATION",
        callback=to_duration,
        help="Begin again for so long when no place has room: 6h.",
    ),
    click.option(
        "--spot",
        is_flag=True,
        help="Spot machines (ec2, gce, azure-vm): cheaper; the cloud may take them back.",
    ),
    click.option(
        "--race",
        type=click.IntRange(min=2),
        metavar="N",
        help="Start N places at once, all billed until one answers; the others are removed.",
    ),
    click.option(
        "--reservation",
        default="",
        metavar="ID",
        help="Deploy onto capacity you hold: an EC2 reservation or Capacity Block (cr-...), a "
        "reservation of Google's (its name), a group of Azure's (RESOURCE_GROUP/NAME), SageMaker's "
        "training plan for endpoints (ARN).",
    ),
    click.option(
        "--access",
        type=Choice(["tunnel", "private", "public"]),
        default="tunnel",
        show_default=True,
        help="How applications reach a machine (ec2, gce, azure-vm): by your tunnel, or at an "
        "address in its network or on the internet, with TLS and a key.",
    ),
    click.option(
        "--allow",
        multiple=True,
        metavar="CIDR",
        help="Who may come to that address: 203.0.113.0/24, or on ec2 a security group; again "
        "for more.",
    ),
    click.option(
        "--domain",
        default="",
        metavar="HOST",
        help="Fetch a certificate for this name, which you point to the address.  [default: a "
        "certificate of the machine's own, which planner hands over]",
    ),
    click.option(
        "--engine",
        type=Choice(["vllm", "lmi", "tgi"]),
        default="vllm",
        show_default=True,
        help="Container.",
    ),
    click.option(
        "--weights",
        default="",
        metavar="WHERE",
        help="Hugging Face id, s3://bucket/prefix/, or (--to local) a file or folder.",
    ),
    click.option(
        "--engine-arg",
        "engine_args",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="vLLM's own argument, held against the list of its release; again for more.",
    ),
    click.option(
        "--lora",
        "loras",
        multiple=True,
        metavar="NAME=WHERE",
        help="Serve a LoRA adapter too, as the model NAME: its Hugging Face id, or (--to local) "
        "its folder; again for more.",
    ),
    click.option("--role", default="", metavar="ARN", help="Execution role of the container."),
    click.option("--create-roles", is_flag=True, help="Make missing IAM roles without asking."),
    click.option(
        "--token-secret",
        default="",
        metavar="NAME",
        help="Read the Hugging Face token from AWS Secrets Manager, not from HF_TOKEN.",
    ),
    click.option(
        "--machine-image", default="", metavar="NAME", help="SageMaker's InferenceAmiVersion."
    ),
    click.option(
        "--accept-license", is_flag=True, help="You have read and accept the model's licence."
    ),
    click.option(
        "--request-quota",
        is_flag=True,
        help="Where quota is too small, ask the cloud for it without asking you.",
    ),
    click.option("--owner", default="", metavar="WHO", help="Tag.  [default: your user name]"),
    click.option(
        "--idle",
        metavar="DURATION",
        callback=to_duration,
        help="When unused for so long, do the --idle-action.",
    ),
    click.option(
        "--idle-action",
        type=Choice(["notify", "delete"]),
        default="notify",
        show_default=True,
        help="Tell --notify, or let the cloud delete the endpoint.",
    ),
    click.option(
        "--budget", type=click.IntRange(min=1), metavar="USD", help="Warn at this spend a month."
    ),
    click.option(
        "--notify",
        default="",
        metavar="WHO",
        help="Whom: an SNS topic (ARN), or an e-mail for --budget.",
    ),
    click.option(
        "--min-instances",
        type=click.IntRange(min=0),
        metavar="N",
        help="Scale in to so many machines when unused; 0: none, woken by a request.",
    ),
    click.option(
        "--max-instances",
        type=click.IntRange(min=1),
        metavar="N",
        help="Scale out to so many machines.",
    ),
    click.option(
        "--requests-per-minute",
        type=click.IntRange(min=1),
        default=60,
        show_default=True,
        metavar="N",
        help="Of one machine, that scaling aims at.",
    ),
    click.option("--off-hours", default="", metavar="CRON", help="When to scale in to one, UTC."),
    click.option("--on-hours", default="", metavar="CRON", help="When to scale back, UTC."),
    click.option("--plan", "plan_only", is_flag=True, help="Show everything, make nothing."),
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option(
        "--wait/--no-wait", default=True, show_default=True, help="Stay until it answers."
    ),
    click.option(
        "--emit",
        type=Choice(["cloudformation", "terraform", "kubernetes"]),
        help="Write the endpoint as a template (SageMaker) or manifests to stdout, make nothing.",
    ),
    click.option(
        "--format",
        "--output",
        "output_format",
        type=Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to print the result.",
    ),
    account_options,
)


_OF_LAYOUT = (
    "input_tokens",
    "output_tokens",
    "cached_share",
    "ttft_s",
    "tpot_s",
    "kv_precision",
    "gpu_memory_utilization",
    "max_num_seqs",
)


def layout_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the user said about the load, its targets and the engine's memory."""
    told = {name: given[name] for name in _OF_LAYOUT}
    if given["engine"] == "tgi":
        return told | {"engine": "tgi", "most_replicas": 1}  # its container serves one copy
    return told  # lmi runs vLLM too


def deploy_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add MODEL and every option of ``planner deploy``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def options_of(given: Mapping[str, Any]) -> Options:
    """Return what the user chose beside the plan."""
    import getpass
    from decimal import Decimal

    from planner.endpoints.deploying import engine_arguments
    from planner.endpoints.deploying.choices import Options as Chosen
    from planner.endpoints.ingress import Ingress
    from planner.endpoints.watching.guard import Guard

    ceiling = given["max_hourly"]
    if not given["no_expiry"] and given["expires"] < _SHORTEST_LIFE:
        raise click.UsageError("--expires takes five minutes or more; --no-expiry leaves it out")
    several = len(given["services"]) > 1 or given["anywhere"] or given["race"]
    if given["reservation"] and several:
        raise click.UsageError(
            "--reservation is capacity in one place: name it with --to, --region"
        )
    same = (
        "name",
        "engine",
        "context",
        "instances",
        "weights",
        "reservation",
        "role",
        "token_secret",
        "machine_image",
        "accept_license",
        "create_roles",
        "wait",
    )
    guard = Guard(
        idle=given["idle"],
        idle_action=given["idle_action"],
        notify=given["notify"],
        budget_usd=given["budget"] or 0,
        least_instances=given["min_instances"],
        most_instances=given["max_instances"] or 0,
        requests_per_minute=given["requests_per_minute"],
        off_hours=given["off_hours"],
        on_hours=given["on_hours"],
    )
    return Chosen(
        **{key: given[key] for key in same},
        owner=given["owner"] or getpass.getuser(),
        life=None if given["no_expiry"] else given["expires"],
        max_hourly=None if ceiling is None else Decimal(str(ceiling)),
        guard=guard,
        ingress=Ingress.of(given["access"], given["allow"], given["domain"]),
        engine_arguments=engine_arguments.read(given["engine_args"]),
    )
