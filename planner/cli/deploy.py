"""``planner deploy``: put a model in a cloud, prove that it answers, or leave nothing behind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.deploy_options import deploy_options, options_of
from planner.cli.output import emit_json, note
from planner.cli.quota_options import use_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.deployment import Options, Prepared
    from planner.ledger import Ledger
    from planner.plan import Plan


@click.command()
@deploy_options
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

    options = options_of(given)
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
