"""``planner deploy``: put a model in a cloud, prove that it answers, or leave nothing behind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.options import GEOS, model_argument
from planner.cli.output import emit_json, note
from planner.cli.quota_options import account_options, use_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.deployment import Options, Prepared
    from planner.ledger import Ledger
    from planner.plan import Plan


@click.command()
@model_argument
@click.option(
    "--to",
    "service",
    type=click.Choice(["sagemaker", "gce", "azure-vm", "local"]),
    default="sagemaker",
    show_default=True,
    help="Where to.",
)
@click.option("--instance-type", metavar="NAME", help="Machine.  [default: the cheapest that fits]")
@click.option("--region", metavar="NAME", help="Region.  [default: the cheapest of --geo]")
@click.option(
    "--geo", type=click.Choice(GEOS), default="us", show_default=True, help="Where to look."
)
@click.option(
    "--precision",
    type=click.Choice(["bf16", "fp16", "fp8", "int8", "int4"]),
    help="Of the weights.  [default: the model's own]",
)
@click.option(
    "--context", type=click.IntRange(min=1), metavar="TOKENS", help="Tokens of a request."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="Requests of that length that must fit at once.",
)
@click.option(
    "--instances",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Machines; each serves the whole model.",
)
@click.option("--name", metavar="NAME", default="", help="Of the endpoint.  [default: the model's]")
@click.option(
    "--expires",
    metavar="DURATION",
    callback=to_duration,
    default="8h",
    show_default=True,
    help="The cloud deletes it after this: 90m, 8h, 2d.",
)
@click.option("--no-expiry", is_flag=True, help="Let it run, and cost, until someone deletes it.")
@click.option(
    "--max-hourly",
    type=float,
    metavar="USD",
    envvar="PLANNER_MAX_HOURLY",
    help="Refuse what costs more an hour.",
)
@click.option(
    "--anywhere",
    type=click.Choice(GEOS),
    metavar="GEO",
    help="On a lack of capacity try other types and regions: us, eu, ap, all.",
)
@click.option(
    "--tries",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="How many, with --anywhere.",
)
@click.option(
    "--engine",
    type=click.Choice(["vllm", "lmi", "tgi"]),
    default="vllm",
    show_default=True,
    help="Container.",
)
@click.option(
    "--weights",
    default="",
    metavar="WHERE",
    help="Hugging Face id, s3://bucket/prefix/, or (--to local) a file or folder.",
)
@click.option("--role", default="", metavar="ARN", help="Execution role of the container.")
@click.option("--create-roles", is_flag=True, help="Make missing IAM roles without asking.")
@click.option(
    "--token-secret",
    default="",
    metavar="NAME",
    help="Read the Hugging Face token from AWS Secrets Manager, not from HF_TOKEN.",
)
@click.option(
    "--machine-image", default="", metavar="NAME", help="SageMaker's InferenceAmiVersion."
)
@click.option(
    "--accept-license", is_flag=True, help="You have read and accept the model's licence."
)
@click.option(
    "--request-quota",
    is_flag=True,
    help="Where quota is too small, ask the cloud for it without asking you.",
)
@click.option("--owner", default="", metavar="WHO", help="Tag.  [default: your user name]")
@click.option(
    "--idle", metavar="DURATION", callback=to_duration, help="Notify when unused for so long."
)
@click.option(
    "--budget", type=click.IntRange(min=1), metavar="USD", help="Warn at this spend a month."
)
@click.option(
    "--notify",
    default="",
    metavar="WHO",
    help="Whom: an SNS topic (ARN), or an e-mail for --budget.",
)
@click.option(
    "--min-instances",
    type=click.IntRange(min=0),
    metavar="N",
    help="Scale in to so many machines when unused; 0: none, woken by a request.",
)
@click.option(
    "--max-instances",
    type=click.IntRange(min=1),
    metavar="N",
    help="Scale out to so many machines.",
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="N",
    help="Of one machine, that scaling aims at.",
)
@click.option("--off-hours", default="", metavar="CRON", help="When to scale in to one, UTC.")
@click.option("--on-hours", default="", metavar="CRON", help="When to scale back, UTC.")
@click.option("--plan", "plan_only", is_flag=True, help="Show everything, make nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until it answers.")
@click.option(
    "--emit",
    type=click.Choice(["cloudformation", "terraform"]),
    help="Write the endpoint as a template to stdout instead of making it.",
)
@click.option(
    "--format",
    "--output",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the result.",
)
@account_options
def deploy(**given: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Deploy MODEL, prove that it answers, or leave nothing behind.

    Shows price and expiry and asks before anything is made. Ctrl-C rolls back.

    \b
    planner deploy llama-2-70b --to sagemaker --accept-license
    planner deploy llama-2-70b --to sagemaker --precision int4 --max-hourly 8
    planner deploy llama-2-70b --to sagemaker --anywhere us --tries 6
    planner deploy llama-2-70b --to sagemaker --plan
    planner deploy llama-2-70b --to gce --accept-license
    planner deploy llama-2-70b --to azure-vm --accept-license
    planner deploy llama-2-7b --to local --accept-license
    planner deploy ./model.gguf --to local
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(given)
    from planner.endpoints import deployment  # noqa: PLC0415 - with the rest of the work
    from planner.endpoints.interface import adapter  # noqa: PLC0415
    from planner.ledger import Ledger as Book  # noqa: PLC0415

    options = _options(given)
    if given["service"] == "local":
        from planner.cli import deploy_local  # noqa: PLC0415 - few need it

        return deploy_local.run(given, options)
    made = adapter(given["service"])
    with Book() as ledger:
        plans = _plans(given, options, ledger)
        if given["emit"]:
            if given["service"] != "sagemaker":
                raise click.UsageError("--emit writes templates of SageMaker endpoints only")
            from planner.endpoints import templates  # noqa: PLC0415 - only --emit needs it

            click.echo(templates.emit(deployment.specify(plans[0], options), given["emit"]))
            return 0
        prepared = deployment.prepare(
            plans[0], options, made, ledger, may_create_roles=not given["yes"]
        )
        return _go(prepared, plans, given, options, ledger)


def _go(
    prepared: Prepared,
    plans: list[Plan],
    given: Mapping[str, Any],
    options: Options,
    ledger: Ledger,
) -> int:
    from planner.cli import deploy_quota, deploy_view  # noqa: PLC0415 - needs Rich
    from planner.endpoints import deployment, preflight  # noqa: PLC0415 - with the work
    from planner.endpoints.interface import adapter  # noqa: PLC0415
    from planner.endpoints.interruption import Interruption  # noqa: PLC0415

    as_json = given["output_format"] == "json"
    if given["plan_only"] and as_json:
        emit_json(deploy_view.plan_record(prepared))
        return _exit_code(prepared)
    deploy_view.show(prepared, plans, anywhere=given["anywhere"] is not None)
    if given["plan_only"]:
        note("Nothing was made (--plan).")
        return _exit_code(prepared)
    prepared = deploy_quota.offer(
        prepared, file=given["request_quota"], may_ask=not given["yes"] and not as_json
    )
    preflight.require(prepared.findings)
    if not prepared.is_same and not given["yes"]:
        _confirm(prepared)
    spec = prepared.spec
    cleanup = f"planner destroy {spec.name}" + (
        "" if given["anywhere"] else f" --region {spec.region}"
    )
    with (
        deploy_view.Progress(prepared) as progress,
        Interruption(on_first=progress.say, cleanup=cleanup) as interruption,
    ):
        outcome = deployment.deploy_anywhere(
            plans,
            adapter(given["service"]),
            ledger,
            interruption,
            options=options,
            first=prepared,
            observers=progress.observers,
        )
    if as_json:
        emit_json(deploy_view.outcome_record(outcome))
    else:
        deploy_view.hand_over(outcome)
    return 0


def _options(given: Mapping[str, Any]) -> Options:
    import getpass  # noqa: PLC0415 - only here
    from decimal import Decimal  # noqa: PLC0415

    from planner.endpoints.deployment import Options as Chosen  # noqa: PLC0415
    from planner.endpoints.guard import Guard  # noqa: PLC0415

    ceiling = given["max_hourly"]
    same = (
        "name",
        "engine",
        "context",
        "instances",
        "weights",
        "role",
        "token_secret",
        "machine_image",
        "accept_license",
        "create_roles",
        "wait",
    )
    guard = Guard(
        idle=given["idle"],
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
        tries=given["tries"] if given["anywhere"] else 1,
        guard=guard,
    )


def _plans(given: Mapping[str, Any], options: Options, ledger: Ledger) -> list[Plan]:
    """Return the candidates, cheapest first; the first alone without --anywhere."""
    from planner.comparison import Request, compare  # noqa: PLC0415 - loads DuckDB
    from planner.serving import models  # noqa: PLC0415

    name = options.name or models.get(given["model"]).name.replace(".", "-")
    region, kind = given["region"], given["instance_type"]
    there = [r for r in ledger.resources(endpoint=name) if r.kind.endswith(":endpoint")]
    if there and not region and not given["anywhere"]:
        region = there[-1].region
        note(f"{name} is in {region} as far as planner remembers, so that is where it looks.")
    if kind and given["service"] == "sagemaker" and not kind.startswith("ml."):
        kind = f"ml.{kind}"
    anywhere = given["anywhere"]
    request = Request(
        given["model"],
        precision=given["precision"],
        context=given["context"],
        concurrency=given["concurrency"],
        geo=anywhere or given["geo"],
        services=(given["service"],),
        regions=(region,) if region else (),
        instance_types=(kind,) if kind else (),
        max_instances=1,
        every_region=anywhere is not None,
        top=None if anywhere else 1,
    )
    plans = [
        p for p in compare(request).plans if p.on_demand_hourly_usd is not None or not anywhere
    ]
    ceiling = options.max_hourly
    if anywhere and ceiling is not None:
        fitting = [p for p in plans if (p.on_demand_hourly_usd or 0) * options.instances <= ceiling]
        return fitting or plans[:1]
    return plans


def _confirm(prepared: Prepared) -> None:
    from planner.errors import UsageError  # noqa: PLC0415 - only here

    price = prepared.spec.plan.on_demand_hourly_usd
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to say yes",
            why=f"this costs ${price:.2f} an hour",
            advice="--yes --create-roles, after --plan has shown what it does",
        )
    verb = "Update" if prepared.is_update else "Deploy"
    click.confirm(f"{verb} {prepared.spec.name} for ${price:.2f} an hour?", abort=True, err=True)


def _exit_code(prepared: Prepared) -> int:
    from planner.endpoints.preflight import PreflightError, require  # noqa: PLC0415

    try:
        require(prepared.findings)
    except PreflightError as error:
        return error.exit_code
    return 0
