"""``planner deploy`` over many places: what may be tried, at what price, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.cli.deploy import handing_over, view
from planner.cli.deploy.confirm import confirm
from planner.cli.output import emit, emit_json, note
from planner.cli.tables import Column
from planner.endpoints.deploying import hunt
from planner.endpoints.deploying.choices import Result
from planner.endpoints.deploying.interruption import Interruption
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.endpoints.deploying.choices import Attempt, Options, Outcome, Prepared
    from planner.endpoints.deploying.hunt import Survey
    from planner.ledger import Ledger
    from planner.plan import Plan

# Places that were passed over are often the same story many times.
_PASSED_SHOWN = 8


def run(plans: Sequence[Plan], given: Mapping[str, Any], options: Options, ledger: Ledger) -> int:
    """Look at the places, ask, and deploy in the first that has room.

    Raises:
        NowhereError: No place would do.
        PlannerError: It failed; all is rolled back.
    """
    from planner import quotas

    if given["race"] and not options.wait:
        raise UsageError("--race is won by the first answer, so it waits", advice="drop --no-wait")
    as_json = given["output_format"] == "json"
    limits = hunt.Limits(given["tries"], given["keep_trying"], given["race"] or 1)
    note(f"Looking at quotas and prices of {len(plans)} places ...")
    verdicts = quotas.verdicts(plans, spot=given["spot"])
    found = hunt.survey(plans, options, verdicts, limits, may_create_roles=not given["yes"])
    if given["plan_only"] and as_json:
        emit_json(_survey_record(found))
        return 0 if found.ready else hunt.NowhereError(found.passed_over, given["model"]).exit_code
    if not as_json:
        _show(found, limits)
    if not found.ready:
        raise hunt.NowhereError(found.passed_over, given["model"])
    if given["plan_only"]:
        note("Nothing was made (--plan).")
        return 0
    first = found.ready[0]
    if not given["yes"]:
        most = f"at most ${found.most_hourly_usd(limits.race):.2f} an hour"
        confirm(
            f"Deploy {first.spec.name} to the first of these with room, for {most}?", costs=most
        )
    with (
        view.Progress(view.usual_time(first)) as progress,
        Interruption(
            on_first=progress.say, cleanup=f"planner destroy {first.spec.name}"
        ) as interruption,
    ):
        progress.watch(interruption)
        outcome = hunt.run(
            found,
            ledger,
            interruption,
            options=options,
            limits=limits,
            observers=progress.observers,
        )
    if as_json:
        emit_json(view.outcome_record(outcome))
    else:
        _show_attempts(outcome)
        handing_over.hand_over(outcome)
    return _warn_of_leftovers(outcome)


def _show(found: Survey, limits: hunt.Limits) -> None:
    if found.ready:
        records = [_ready_record(item) for item in found.ready]
        emit(records, _columns("note", "To note"), "table", title="Will be tried, in this order")
    passed = found.passed_over
    if passed:
        shown = [view.attempt_record(item) for item in passed[:_PASSED_SHOWN]]
        title = "Passed over" + (
            f" (the first {_PASSED_SHOWN} of {len(passed)})" if len(passed) > len(shown) else ""
        )
        emit(shown, _columns("why", "Why"), "table", title=title)
    if not found.ready:
        return
    first = found.ready[0].spec
    note(f"{first.plan.model} at {first.plan.precision}; each would expire {_expiry(found)}.")
    if limits.race > 1:
        most = found.most_hourly_usd(limits.race)
        note(f"{limits.race} are started at once and billed, up to ${most:.2f} an hour together,")
        note("until the first has answered; the others are removed then.")
    else:
        note("One after the other: each is rolled back before the next begins.")


def _expiry(found: Survey) -> str:
    when = found.ready[0].spec.expires_at
    return "never" if when is None else f"at {when:%Y-%m-%d %H:%M} UTC or a little later"


def _show_attempts(outcome: Outcome) -> None:
    tried = [item for item in outcome.attempts if item.result is not Result.PASSED_OVER]
    if tried:
        records = [view.attempt_record(item) for item in tried]
        columns = [*_columns("why", "Why"), Column("seconds", "s", "right", drop_below=100)]
        emit(records, columns, "table", title="Tried before")


def _warn_of_leftovers(outcome: Outcome) -> int:
    left: list[Attempt] = [a for a in outcome.attempts if a.result is Result.NOT_TAKEN_BACK]
    for item in left:
        note(f"NOT TAKEN BACK, may be billed: {item.plan.instance_type} in {item.plan.region}")
        note(f"  {item.error}")
        note(f"  planner destroy {outcome.spec.name} --region {item.plan.region}")
    return 1 if left else 0


def _columns(last: str, title: str) -> list[Column]:
    return [
        Column("service", "Service", drop_below=90),
        Column("region", "Region"),
        Column("instance_type", "Machine"),
        Column("hourly_usd", "$/hour", "right", lambda row: f"{row['hourly_usd']:.2f}"),
        Column(last, title),
    ]


def _ready_record(prepared: Prepared) -> dict[str, Any]:
    from planner.endpoints.deploying.preflight import Status

    plan = prepared.spec.plan
    quota = next((item for item in prepared.findings if item.check == "quota"), None)
    known = quota is not None and quota.status is Status.GOOD
    return {
        "service": plan.service,
        "region": plan.region,
        "instance_type": plan.instance_type,
        "hourly_usd": plan.hourly_usd,
        "quota_known": known,
        "note": "" if known else "quota not known",
    }


def _survey_record(found: Survey) -> dict[str, Any]:
    return {
        "places": [_ready_record(item) for item in found.ready],
        "passed_over": [view.attempt_record(item) for item in found.passed_over],
    }
