"""The ways a simulated cloud can behave.

A scenario is a set of knobs; each can be set alone (``planner sandbox start --set
latency_s=0.1``). Here stand those of the account; how badly the services behave stands in
:mod:`planner.sandbox.reality` and is set all at once with ``--set world=calm``. Whether and when a
request is granted is invented: no cloud documents it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from planner.errors import UnknownNameError, UsageError
from planner.sandbox import reality
from planner.sandbox.reality import Reality

OUTCOMES = (
    "approved",
    "partial",
    "denied",
    "not-approved",
    "invalid",
    "case-closed",
    "needs-human",
    "never",
)
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Scenario(Reality):
    """How the simulated clouds behave.

    Attributes:
        name: What it is called.
        summary: One line for people.
        gpu_instances: How many of any GPU machine the quotas admit at first.
        outcome: How requests end, one of :data:`OUTCOMES`.
        decide_after_s: Simulated seconds from filing to the decision.
        apply_after_s: Further simulated seconds until the limit itself moves.
        capacity: False: launches fail for want of machines.
        latency_s: Real seconds that each call takes longer.
        throttle_first: How many calls of each operation and region are refused at first.
        retry_after_s: What throttled answers say about waiting.
        expired: All tokens have expired.
        denied_actions: Permissions that the identity lacks.
        disabled_regions: AWS regions that are not enabled in the account.
        api_enabled: Google: whether Cloud Quotas and Compute Engine are switched on.
        providers_registered: Azure: whether Microsoft.Compute and Microsoft.Quota are.
        restricted_regions: Azure: regions where GPU sizes are closed to the subscription.
        ineligible: Google: why no increase may be asked for, or empty.
        azure_refusal: Azure: the code of refused requests.
        support_plan: Azure: whether the subscription may open support tickets.
        ticket_outcome: Azure: how people answer tickets: ``approved``, ``partial``, ``denied``,
            ``never``.
        quota_project: Google: whether the sign-in has a quota project of its own.
        appeal_after_s: Simulated seconds from a refusal until an appeal moves the limit all
            the same; 0: never.
        adjustable: Whether the quotas can be raised at all.
        quota_error: AWS: ErrorReason of GPU quotas, or empty.
        endpoint_instances: AWS: how many instances all SageMaker endpoints may have at first;
            -1: 4 in a new account, plenty where GPU quotas are large.
        endpoint_startup_s: Simulated seconds until an endpoint is in service, or has failed.
        endpoint_failure: How endpoints fail: a name of ``aws.sagemaker_failures``, or empty.
        no_capacity_in: Regions and instance types without capacity for endpoints.
        not_offered_in: Google: zones that do not have the machine.
        gcp_networks: Google: the networks of the project; ``default`` makes its own subnetworks.
        secure_boot_by_default: Azure: machines that name no security type get Trusted Launch,
            whose Secure Boot refuses the GPU's driver.
        standard_security: Azure: whether the subscription has registered
            UseStandardSecurityType (azure-cli#31195); without it "Standard" is refused.
        delete_while_creating: Whether SageMaker lets a starting endpoint be deleted.
        no_scale_to_zero_in: Regions where SageMaker refuses a minimum of zero machines, as users
            reported of eu-west-3.
    """

    name: str = "new-account"
    summary: str = "all GPU quotas are zero; requests are approved after six hours"
    gpu_instances: int = 0
    outcome: str = "approved"
    decide_after_s: float = 6 * _HOUR_S
    apply_after_s: float = 0
    capacity: bool = True
    latency_s: float = 0
    throttle_first: int = 0
    retry_after_s: int = 1
    expired: bool = False
    denied_actions: tuple[str, ...] = ()
    disabled_regions: tuple[str, ...] = ()
    api_enabled: bool = True
    providers_registered: bool = True
    restricted_regions: tuple[str, ...] = ()
    ineligible: str = ""
    azure_refusal: str = "QuotaNotAvailableForResource"
    support_plan: bool = True
    ticket_outcome: str = "approved"
    quota_project: bool = True
    appeal_after_s: float = 0
    adjustable: bool = True
    quota_error: str = ""
    endpoint_instances: int = -1
    endpoint_startup_s: float = 5
    endpoint_failure: str = ""
    no_capacity_in: tuple[str, ...] = ()
    not_offered_in: tuple[str, ...] = ()
    gcp_networks: tuple[str, ...] = ("default",)
    secure_boot_by_default: bool = True
    standard_security: bool = False
    delete_while_creating: bool = False
    no_scale_to_zero_in: tuple[str, ...] = ("eu-west-3",)


_NEW = Scenario()
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        _NEW,
        Scenario("approved", "GPU quotas are large already", gpu_instances=64),
        Scenario("partial", "requests are granted in part", outcome="partial"),
        Scenario("denied", "requests are denied", outcome="denied"),
        Scenario("case-closed", "AWS closes its case without an outcome", outcome="case-closed"),
        Scenario(
            "needs-human",
            "requests end at a person's desk",
            outcome="needs-human",
            azure_refusal="ContactSupport",
        ),
        Scenario("never", "requests stay open for ever", outcome="never"),
        Scenario(
            "throttled",
            "the first two calls of each kind are refused",
            throttle_first=2,
        ),
        Scenario(
            "no-capacity",
            "quotas are large, machines are not there",
            gpu_instances=64,
            capacity=False,
        ),
        Scenario("expired", "the credentials have expired", expired=True),
        Scenario(
            "disabled",
            "APIs, providers and a region are switched off",
            api_enabled=False,
            providers_registered=False,
            disabled_regions=("ap-southeast-3",),
        ),
        Scenario(
            "restricted",
            "Azure closes eastus to GPU sizes; Google finds the project not eligible",
            restricted_regions=("eastus",),
            ineligible="NOT_ENOUGH_USAGE_HISTORY",
        ),
    )
}


def get(name: str) -> Scenario:
    """Return a named scenario.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in SCENARIOS:
        raise UnknownNameError("scenario", name, SCENARIOS, advice="planner sandbox scenarios")
    return SCENARIOS[name]


def with_settings(scenario: Scenario, settings: dict[str, str]) -> Scenario:
    """Return the scenario with knobs turned, each given as text.

    Raises:
        UsageError: No such knob, or a value it cannot take.
    """
    changes: dict[str, Any] = {}
    known = {field.name: str(field.type) for field in fields(Scenario)}
    if "world" in settings:
        changes = reality.of(settings["world"])
    for key, text in settings.items():
        if key == "world":
            continue
        if key not in known:
            raise UnknownNameError("scenario setting", key, known)
        try:
            changes[key] = _parse(text, known[key])
        except ValueError as error:
            raise UsageError(
                f"scenario setting {key} cannot be {text!r}", why=str(error)
            ) from error
    changed = replace(scenario, **changes)
    if changed.outcome not in OUTCOMES:
        raise UnknownNameError("outcome", changed.outcome, OUTCOMES)
    return changed


def _parse(text: str, kind: str) -> object:
    """Return the value of a knob, whose type is written ``bool``, ``float``, ..."""
    if kind == "bool":
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.casefold() not in words:
            raise ValueError("say true or false")
        return words[text.casefold()]
    if kind.startswith("tuple"):
        return tuple(part for part in text.replace(",", " ").split() if part)
    return {"int": int, "float": float}.get(kind, str)(text)
