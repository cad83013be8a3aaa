"""Where ``planner deploy`` may put a model: the plans, cheapest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from planner.cli.deploy.options import layout_of
from planner.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.endpoints.deploying.choices import Options
    from planner.ledger import Ledger, Resource
    from planner.plan import Plan


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked.

    Attributes:
        plans: Cheapest first; at least one.
        hunt: Whether they are places to try one after the other; else the first alone counts.
    """

    plans: tuple[Plan, ...]
    hunt: bool


def question(given: Mapping[str, Any], options: Options, ledger: Ledger) -> Question:
    """Return the plans that the options mean.

    Raises:
        NotFoundError: Nothing fits, or nothing is cheap enough.
    """
    from planner.planning import Request, compare

    hunt, services = _is_hunt(given), _services(given)
    region, kind = given["region"], given["instance_type"]
    there = _remembered(given, options, ledger)
    running = _type_there(there) if there is not None and hunt else ""
    if there is not None and not region and (running or not hunt):
        # A second run finds what the first has made, wherever that was.
        services, region = (there.kind.partition(":")[0],), there.region
        hunt, kind = False, running or kind
        note(f"{there.endpoint} is in {region} as far as planner remembers: it looks there.")
    if kind and services == ("sagemaker",) and not kind.startswith("ml."):
        kind = f"ml.{kind}"
    request = Request(
        given["model"],
        precision=given["precision"],
        context=given["context"],
        concurrency=given["concurrency"],
        **layout_of(given),
        geo=given["anywhere"] or given["geo"],
        services=services,
        regions=(region,) if region else (),
        instance_types=(kind,) if kind else (),
        max_instances=1,
        every_region=hunt or given["spot"],
        top=None,
    )
    found = _deployable(compare(request).plans, chosen=bool(kind))
    plans = _as_spot(found) if given["spot"] else list(found)
    return Question(_affordable(plans, options) if hunt else tuple(plans[:1]), hunt)


def _deployable(plans: Sequence[Plan], *, chosen: bool) -> Sequence[Plan]:
    """Return the plans that planner can set up; a type that the user names stays in any case.

    Where there is none, all stay: the preflight of the first says what stands in the way.
    """
    good = [plan for plan in plans if plan.deployable is not False]
    return plans if chosen or not good else good


def _as_spot(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans bought as spot, by that price; those without one come last."""
    spot = [replace(plan, pricing_model="spot") for plan in plans]
    return sorted(spot, key=lambda plan: (plan.hourly_usd is None, plan.hourly_usd or 0))


def _services(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where to look; SageMaker has no spot machines for endpoints."""
    services: tuple[str, ...] = given["services"]
    if given["spot"]:
        services = tuple(item for item in services if item != "sagemaker")
    if not services:
        raise click.UsageError(
            "SageMaker has no spot endpoints: --to ec2, gce, azure-vm or cheapest"
        )
    return services


def _is_hunt(given: Mapping[str, Any]) -> bool:
    return bool(
        given["anywhere"] or len(given["services"]) > 1 or given["keep_trying"] or given["race"]
    )


def _remembered(given: Mapping[str, Any], options: Options, ledger: Ledger) -> Resource | None:
    from planner.serving import models

    name = options.name or models.get(given["model"]).name.replace(".", "-")
    found = [
        item
        for item in ledger.resources(endpoint=name)
        if item.kind in {f"{service}:endpoint" for service in given["services"]}
    ]
    return found[-1] if found else None


def _type_there(resource: Resource) -> str:
    """Return the machine that an endpoint really runs on; empty where it is gone."""
    from planner.endpoints.interface import adapter

    found = adapter(resource.kind.partition(":")[0]).find(resource.endpoint, resource.region)
    return found.instance_type if found is not None else ""


def _affordable(plans: Sequence[Plan], options: Options) -> tuple[Plan, ...]:
    """Return the plans whose price is known and under the ceiling.

    Raises:
        NotFoundError: There is none.
    """
    from planner.errors import NotFoundError

    priced = [(plan.hourly_usd * options.instances, plan) for plan in plans if plan.hourly_usd]
    ceiling = options.max_hourly
    fitting = tuple(plan for price, plan in priced if ceiling is None or price <= ceiling)
    if not fitting:
        raise NotFoundError(
            f"nothing that fits costs ${ceiling:.2f} an hour or less"
            if priced
            else "no price is known for anything that fits",
            why=f"the cheapest costs ${min(price for price, _ in priced):.2f}" if priced else "",
            advice="--precision int4, a higher --max-hourly, or --geo all",
        )
    return fitting
