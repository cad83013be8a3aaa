"""``planner deploy``: put a model in a cloud, prove that it answers, or leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.deploy.confirm import confirm
from planner.cli.deploy.options import CLUSTERS, deploy_options, options_of
from planner.cli.next_command import remember_question
from planner.cli.output import emit_json, note
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.cli.deploy.plans import Question
    from planner.endpoints.deploying.choices import Options, Prepared
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
    planner deploy llama-2-70b --to sagemaker --plan
    planner deploy llama-2-70b --to ec2 --accept-license
    planner deploy llama-2-70b --to gce --accept-license
    planner deploy llama-2-70b --to azure-vm --accept-license
    planner deploy llama-2-70b --to cheapest --accept-license --keep-trying 6h
    planner deploy llama-2-7b --to local --accept-license
    planner deploy ./model.gguf --to local
    planner deploy llama-2-70b --to gke --emit kubernetes > llama.yaml
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(given)
    remember_question(click.get_current_context())
    from planner.cli.deploy import plans
    from planner.ledger import Ledger as Book

    options = options_of(given)
    if given["services"] != ("local",):
        from planner.endpoints.deploying import outside

        given["model"] = outside.learn(given["model"], options.weights)
    options = _with_adapters(given, options)
    if given["emit"] == "kubernetes":
        from planner.cli.deploy import kubernetes

        return kubernetes.run(given, options)
    if set(given["services"]) & set(CLUSTERS):
        raise click.UsageError("gke, eks and aks get manifests: add --emit kubernetes")
    if given["services"] == ("local",):
        from planner.cli.deploy import local

        return local.run(given, options)
    with Book() as ledger:
        question = plans.question(given, options, ledger)
        if given["emit"]:
            return _emit(question, given, options)
        if question.hunt:
            from planner.cli.deploy import hunt

            return hunt.run(question.plans, given, options, ledger)
        return _go(question.plans[0], given, options, ledger)


def _with_adapters(given: Mapping[str, Any], options: Options) -> Options:
    """Return the choices with the arguments that serve the adapters of ``--lora``."""
    if not given["loras"]:
        return options
    from dataclasses import replace

    from planner.endpoints.deploying import lora
    from planner.serving import models

    here = given["services"] == ("local",)
    asked = lora.read(given["loras"], models.find(given["model"]), here=here)
    for remark in asked.remarks:
        note(remark)
    told = {**asked.arguments, **options.engine_arguments}
    return replace(options, engine_arguments=told)


def _emit(question: Question, given: Mapping[str, Any], options: Options) -> int:
    plan = question.plans[0]
    if plan.service != "sagemaker":
        raise click.UsageError("only SageMaker endpoints are written as that template")
    from planner.endpoints.deploying import deployment, templates

    click.echo(templates.emit(deployment.specify(plan, options), given["emit"]))
    return 0


def _go(plan: Plan, given: Mapping[str, Any], options: Options, ledger: Ledger) -> int:
    from planner.cli.deploy import handing_over, quota, view
    from planner.endpoints.deploying import deployment, preflight
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import adapter

    made = adapter(plan.service)
    as_json = given["output_format"] == "json"
    prepared = deployment.prepare(plan, options, made, ledger, may_create_roles=not given["yes"])
    if given["plan_only"] and as_json:
        emit_json(view.plan_record(prepared))
        return _exit_code(prepared)
    view.show(prepared)
    if given["plan_only"]:
        note("Nothing was made (--plan).")
        return _exit_code(prepared)
    prepared = quota.offer(
        prepared, file=given["request_quota"], may_ask=not given["yes"] and not as_json
    )
    preflight.require(prepared.findings)
    if not prepared.is_same and not given["yes"]:
        price = f"${plan.hourly_usd:.2f} an hour"
        verb = "Update" if prepared.is_update else "Deploy"
        confirm(f"{verb} {prepared.spec.name} for {price}?", costs=price)
    cleanup = f"planner destroy {prepared.spec.name} --region {prepared.spec.region}"
    with (
        view.Progress(view.usual_time(prepared)) as progress,
        Interruption(on_first=progress.say, cleanup=cleanup) as interruption,
    ):
        progress.watch(interruption)
        outcome = deployment.deploy(
            prepared, made, ledger, interruption, options=options, observers=progress.observers
        )
    if as_json:
        emit_json(view.outcome_record(outcome))
    else:
        handing_over.hand_over(outcome)
    return 0


def _exit_code(prepared: Prepared) -> int:
    from planner.endpoints.deploying.preflight import PreflightError, require

    try:
        require(prepared.findings)
    except PreflightError as error:
        return error.exit_code
    return 0
