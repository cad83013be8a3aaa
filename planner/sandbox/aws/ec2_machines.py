"""Machines of simulated EC2 that serve models: their lists, their consoles, their end.

Documented (EC2 API, user guide): a repeated ``ClientToken`` answers with the machine that it made;
reads are behind writes ("eventual consistency"); an instance profile is known late; ``Latest``
console output on Nitro machines, the last 64 KB; a terminated machine is described for a while;
EventBridge Scheduler calls TerminateInstances as a universal target; a machine with shutdown
behaviour ``terminate`` that switches itself off is terminated. Assumed: that all zones of a region
offer what the scenario does not exclude; that the console of a start is
:mod:`planner.sandbox.console`'s.
Moto keeps the machines; here is what it lacks.

Knobs: ``read_lag_s`` (by id), ``list_lag_s`` (by tags), ``identity_lag_s``, ``console_kib``.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.scheduler.models import scheduler_backends
from moto.ssm.models import ssm_backends
from werkzeug.wrappers import Response

from planner.sandbox import console, engine, ingress, metrics
from planner.sandbox.aws.ec2_answers import members, xml_response
from planner.sandbox.aws.protocol import ACCOUNT, AwsCall, AwsError
from planner.sandbox.aws.sagemaker_logs import moment
from planner.sandbox.boot import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.world import World

_TERMINATES = "aws-sdk:ec2:terminateInstances"
_BEFORE = (
    "planner: stage: preparing the disks",
    "planner: stage: waiting for the GPU driver",
)
_NITRO_KIB = 64
_OWN_CLOCK_AFTER = timedelta(minutes=10)
"""So long after its time is up a machine switches itself off (``cloud-init/ec2.yaml.j2``)."""
_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopped": 80}


class Ec2Machines:
    """What moto's EC2 lacks of machines."""

    service = "ec2"

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, call: AwsCall) -> Response | None:
        """Answer what is about planner's machines; moto does the rest."""
        expire(self._world, call.region)
        handlers = {
            "RunInstances": self._run,
            "DescribeInstances": self._describe,
            "DescribeInstanceTypeOfferings": self._offerings,
            "GetConsoleOutput": self._console,
        }
        if call.operation in {"TerminateInstances", "CreateTags"}:
            _remember(self._world, call)
        handler = handlers.get(call.operation)
        return handler(call) if handler is not None else None

    def answered(self, call: AwsCall) -> None:
        """Note when machines that moto has just made were born."""
        if call.operation == "RunInstances":
            for machine in _all(call.region):
                if machine.id not in self._world.notes["ec2-born"]:
                    self._world.notes["ec2-born"][machine.id] = self._world.now()
                    self._world.lag.changing(_kind(call.region), machine.id, None)

    def _run(self, call: AwsCall) -> Response | None:
        token = call.parameters.get("ClientToken", "")
        for machine in _all(call.region):
            if token and machine.client_token == token:
                return xml_response(call, {"Instances": [_row(self._world, machine)]})
        profile = call.parameters.get("IamInstanceProfile.Name", "")
        if profile and not known(self._world, profile):
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid "
                "IAM Instance Profile name",
            )
        return None

    def _describe(self, call: AwsCall) -> Response | None:
        ids, filters = members(call, "InstanceId"), dict(_filters(call))
        by_tag = any(name.startswith(("tag:", "tag-key", "client-token")) for name in filters)
        if not ids and not by_tag:
            return None
        scenario = self._world.scenario
        delay = scenario.read_lag_s if ids else scenario.list_lag_s
        now = {machine.id: _row(self._world, machine) for machine in _all(call.region)}
        seen = self._world.lag.all_seen(_kind(call.region), now, delay)
        for number in ids:
            if number not in seen:
                raise AwsError(
                    "InvalidInstanceID.NotFound", f"The instance ID '{number}' does not exist"
                )
        rows = [
            row
            for number, row in seen.items()
            if (not ids or number in ids) and all(_fits(row, *item) for item in filters.items())
        ]
        groups = [{"ReservationId": "r-0", "Instances": [row]} for row in rows]
        return xml_response(call, {"Reservations": groups})

    def _offerings(self, call: AwsCall) -> Response | None:
        kinds = dict(_filters(call)).get("instance-type", [])
        if call.parameters.get("LocationType") != "availability-zone" or not kinds:
            return None
        names = sorted({zone.name for zone in _backend(call.region).describe_availability_zones()})
        offers = [
            {"InstanceType": kind, "LocationType": "availability-zone", "Location": name}
            for kind in kinds
            for name in names
            if name not in self._world.scenario.not_offered_in
        ]
        return xml_response(call, {"InstanceTypeOfferings": offers})

    def _console(self, call: AwsCall) -> Response:
        machine = _existing(self._world, call.region, call.parameters["InstanceId"])
        written = console.text(self._world, _shown(self._world, machine))
        kept = written.encode()[-_NITRO_KIB * 1024 :]
        answer = {"InstanceId": machine.id, "Output": base64.b64encode(kept).decode()}
        return xml_response(call, answer)


def tunnel(world: World, region: str, number: str, path: str, body: bytes) -> Response:
    """Answer for the engine behind Session Manager's port."""
    try:
        machine = _existing(world, region, number)
    except AwsError as error:
        return Response(str(error), 502)
    if not console.is_ready(console.start(world, _shown(world, machine))):
        return Response("connection refused", 502)
    if path == "metrics":
        page = metrics.page(world, f"{region}/{number}")
        return Response(page, content_type=metrics.CONTENT_TYPE)
    try:
        answer = metrics.answer(world, f"{region}/{number}", body)
    except engine.RefusedError as error:
        return Response(str(error), error.status)
    return Response(answer, content_type="text/event-stream")


def way_in(world: World, region: str, number: str) -> Response:
    """Answer where applications reach a machine."""
    machine = _existing(world, region, number)
    key = Script.of(_user_data(machine)).key
    if not key:
        return Response("the machine has no way in", 404)

    def keys() -> str:
        found = ssm_backends[ACCOUNT][region].get_parameter(key)
        return "" if found is None else str(found.response_object(decrypt=True)["Value"])

    def networks() -> list[str]:
        groups = [group for card in machine.nics.values() for group in card.group_set]
        rules = [rule for group in groups for rule in group.ingress_rules]
        return [
            str(rule.ip_range["CidrIp"])
            for rule in rules
            if rule.ip_range and rule.from_port <= ingress.HTTPS <= rule.to_port
        ]

    def answers() -> bool:
        return console.is_ready(console.start(world, _shown(world, machine)))

    where = ingress.listen(world, ingress.Machine(machine.id, keys, networks, answers))
    return Response(where, content_type="text/plain")


def known(world: World, profile: str) -> bool:
    """Tell whether an instance profile is known by now."""
    made: datetime | None = world.notes["iam-born"].get(profile)
    late = timedelta(seconds=world.scenario.identity_lag_s)
    return made is None or world.now() >= made + late


def alive(region: str) -> list[Any]:
    """Return the machines that run, for those who look from inside the simulation."""
    return [machine for machine in _all(region) if _state(machine) == "running"]


def expire(world: World, region: str) -> None:
    """Terminate the machines whose time is up: by the cloud's order, else by their own clock.

    Those that are gone for so long that no reader sees them any more are forgotten.
    """
    _forget(world, region)
    due = set(_ordered(world, region))
    for machine in alive(region):
        end = _own_end(machine)
        if machine.id in due or (end is not None and world.now() >= end):
            world.lag.changing(_kind(region), machine.id, _row(world, machine))
            _backend(region).terminate_instances([machine.id])


def _forget(world: World, region: str) -> None:
    reservations, ended = _backend(region).reservations, world.notes["ec2-ended"]
    seen_for = timedelta(seconds=max(world.scenario.read_lag_s, world.scenario.list_lag_s))
    for key, group in list(reservations.items()):
        for machine in group.instances:
            if _state(machine) == "terminated":
                ended.setdefault(machine.id, world.now())
        if all(
            ended.get(item.id, world.now()) + seen_for < world.now() for item in group.instances
        ):
            del reservations[key]


def guarded(world: World, region: str) -> set[str]:
    """Return the machines that end by themselves: by an order of the cloud's or their own clock."""
    ordered = set(_ordered(world, region, at=datetime.max.replace(tzinfo=world.now().tzinfo)))
    return ordered | {item.id for item in alive(region) if _own_end(item) is not None}


def _ordered(world: World, region: str, at: datetime | None = None) -> Iterator[str]:
    """Yield the machines that schedules terminate by now, or by ``at``; drop what is over."""
    backend = scheduler_backends[ACCOUNT][region]
    for group in backend.schedule_groups.values():
        for schedule in list(group.schedules.values()):
            ours = schedule.target["Arn"].partition(":::")[2] == _TERMINATES
            if not ours or schedule.start_date is None:
                continue
            if moment(schedule.start_date) <= (at or world.now()):
                yield from json.loads(schedule.target["Input"])["InstanceIds"]
            if at is None and schedule.end_date and moment(schedule.end_date) <= world.now():
                group.delete_schedule(schedule.name)


def _own_end(machine: Any) -> datetime | None:  # noqa: ANN401 - moto's
    """Return when the machine switches itself off for good; None where it does not."""
    script = _user_data(machine)
    if (
        "planner-expiry" not in script
        or machine.instance_initiated_shutdown_behavior != "terminate"
    ):
        return None
    expires = _tags(machine).get("planner:expires", "never")
    return None if expires == "never" else datetime.fromisoformat(expires) + _OWN_CLOCK_AFTER


def _remember(world: World, call: AwsCall) -> None:
    """Note what machines are before a call changes them."""
    ids = {*members(call, "InstanceId"), *members(call, "ResourceId")}
    for machine in _all(call.region):
        if machine.id in ids:
            world.lag.changing(_kind(call.region), machine.id, _row(world, machine))


def _row(world: World, machine: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's
    state = _state(machine)
    return {
        "InstanceId": machine.id,
        "ImageId": machine.image_id,
        "InstanceType": machine.instance_type,
        "State": {"Code": _CODES.get(state, 16), "Name": state},
        "LaunchTime": world.notes["ec2-born"].get(machine.id, world.now()),
        "ClientToken": machine.client_token or "",
        "Placement": {"AvailabilityZone": machine.placement.zone},
        "SubnetId": machine.subnet_id or "",
        "PrivateIpAddress": machine.private_ip or "",
        "PublicIpAddress": machine.public_ip or "",
        "Tags": [{"Key": key, "Value": value} for key, value in _tags(machine).items()],
    }


def _fits(row: dict[str, Any], name: str, wanted: list[str]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:")) in wanted
    found = {
        "tag-key": list(tags),
        "client-token": [row["ClientToken"]],
        "instance-state-name": [row["State"]["Name"]],
        "instance-type": [row["InstanceType"]],
    }
    return bool(set(found[name]) & set(wanted))


def _filters(call: AwsCall) -> Iterator[tuple[str, list[str]]]:
    number = 1
    while name := call.parameters.get(f"Filter.{number}.Name"):
        yield name, members(call, f"Filter.{number}.Value")
        number += 1


def _shown(world: World, machine: Any) -> console.Machine:  # noqa: ANN401 - moto's
    born = world.notes["ec2-born"].get(machine.id, world.now())
    made = max(world.notes["iam-born"].values(), default=None)
    late = timedelta(seconds=world.scenario.identity_lag_s)
    script = Script.of(_user_data(machine))
    return console.Machine(
        born=born,
        before=_BEFORE,
        script=script,
        token_known=None if made is None else made + late,
        certificate=ingress.certificate(world, machine.id) if script.key else "",
    )


def _user_data(machine: Any) -> str:  # noqa: ANN401 - moto's
    sent = machine.user_data or ""
    try:
        return base64.b64decode(str(sent), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return str(sent)


def _existing(world: World, region: str, number: str) -> Any:  # noqa: ANN401 - moto's
    found = next((item for item in alive(region) if item.id == number), None)
    born = world.notes["ec2-born"].get(number)
    hidden = (
        born is not None
        and world.lag.seen(_kind(region), number, "there", world.scenario.read_lag_s) is None
    )
    if found is None or hidden:
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{number}' does not exist")
    return found


def _all(region: str) -> list[Any]:
    return [item for group in _backend(region).reservations.values() for item in group.instances]


def _state(machine: Any) -> str:  # noqa: ANN401 - moto's
    return str(machine._state.name)  # noqa: SLF001 - moto tells it nowhere else


def _tags(machine: Any) -> dict[str, str]:  # noqa: ANN401 - moto's
    return {tag["key"]: tag["value"] for tag in machine.get_tags()}


def _backend(region: str) -> Any:  # noqa: ANN401 - moto's
    return ec2_backends[ACCOUNT][region]


def _kind(region: str) -> tuple[str, str]:
    return "ec2", region
