"""Simulated Cloud Quotas (v1).

Documented (google.cloud.cloudquotas_v1 protos, which also parse and print every payload):
paths, members, one preference per quota and dimensions, absolute values, ``contactEmail``
required for increases, eligibility, ``reconciling``; a preference that leaves a dimension out
holds for all values of it that have no preference of their own (QuotaPreference.dimensions).
Assumed: the sentences of ``stateDetail``, initial values, that an ineligible request is a 400.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from google.cloud.cloudquotas_v1.types import (
    ListQuotaInfosResponse,
    ListQuotaPreferencesResponse,
    QuotaInfo,
    QuotaPreference,
)
from google.protobuf.json_format import ParseError

from planner.pricing import regions
from planner.quotas import catalogue
from planner.sandbox.gcp.google import GoogleError, route

if TYPE_CHECKING:
    from planner.sandbox.world import QuotaKey, World

_SERVICE = "compute.googleapis.com"
_PARENT = "/v1/projects/<project>/locations/global"
_INFOS = f"{_PARENT}/services/{_SERVICE}/quotaInfos"
_PREFERENCES = f"{_PARENT}/quotaPreferences"
_GPUS_PER_INSTANCE = 8
_ALL_CPUS = 32
_FAMILY = "GPUS-PER-GPU-FAMILY-per-project-region"
# Old cards have a quota of their own name; the catalogue does not list these two.
_MORE = ("NVIDIA-V100-GPUS-per-project-region", "NVIDIA-P100-GPUS-per-project-region")


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("cloud_quotas", __name__)

    @route(made, _INFOS, "cloudquotas.quotas.get")
    def list_infos(project: str) -> Response:
        with world.lock:
            infos = [_info(world, project, quota_id) for quota_id in quota_ids()]
        start = int(request.args.get("pageToken", "0"))
        size = int(request.args.get("pageSize", "0")) or 20
        more = str(start + size) if start + size < len(infos) else ""
        return _json(
            ListQuotaInfosResponse(quota_infos=infos[start : start + size], next_page_token=more)
        )

    @route(made, f"{_INFOS}/<quota_id>", "cloudquotas.quotas.get")
    def get_info(project: str, quota_id: str) -> Response:
        if quota_id not in quota_ids():
            raise GoogleError(404, "NOT_FOUND", f"Quota {quota_id} was not found.")
        with world.lock:
            return _json(_info(world, project, quota_id))

    @route(made, _PREFERENCES, "cloudquotas.quotas.get")
    def list_preferences(project: str) -> Response:
        with world.lock:
            found = [_preference(world, r) for r in world.requests if r.key[0] == "gcp"]
        del project
        return _json(ListQuotaPreferencesResponse(quota_preferences=found))

    @route(made, f"{_PREFERENCES}/<name>", "cloudquotas.quotas.get")
    def get_preference(project: str, name: str) -> Response:
        with world.lock:
            return _json(_preference(world, _find(world, project, name)))

    @route(made, _PREFERENCES, "cloudquotas.quotas.update", "POST")
    def create(project: str) -> Response:
        asked = _parse()
        name = request.args.get("quotaPreferenceId", "")
        with world.lock:
            full = _name(project, name)
            key = _key(asked)
            if any(r.details.get("name") == full or r.key == key for r in _filed(world)):
                raise GoogleError(409, "ALREADY_EXISTS", "The quota preference already exists.")
            return _json(_preference(world, _file(world, full, key, asked)))

    @route(made, f"{_PREFERENCES}/<name>", "cloudquotas.quotas.update", "PATCH")
    def update(project: str, name: str) -> Response:
        asked = _parse()
        with world.lock:
            filed = _find(world, project, name)
            if asked.dimensions and _key(asked) != filed.key:
                raise GoogleError(400, "INVALID_ARGUMENT", "The dimensions are immutable.")
            asked.quota_id = filed.key[2]
            world.requests.remove(filed)
            return _json(_preference(world, _file(world, _name(project, name), filed.key, asked)))

    return made


@cache
def quota_ids() -> tuple[str, ...]:
    """Return the ids of the quotas that the sandbox knows."""
    return tuple(dict.fromkeys([*(row.quota_id for row in catalogue.rows("gcp")), *_MORE]))


@cache
def region_names() -> tuple[str, ...]:
    """Return the regions of Google Cloud that planner knows."""
    return regions.of_cloud("gcp")


def dimensions_of(quota_id: str) -> tuple[str, ...]:
    """Return the names of a quota's dimensions."""
    if quota_id == _FAMILY:
        return ("gpu_family", "region")
    return ("region",) if quota_id.endswith("-per-project-region") else ()


def limit_of(world: World, quota_id: str, dimensions: dict[str, str]) -> int:
    """Return the limit in force."""
    gpus = world.scenario.gpu_instances * _GPUS_PER_INSTANCE
    initial = _ALL_CPUS + gpus * 256 if quota_id.startswith("CPUS-") else gpus
    world.settle()
    for key, value in rows_of(world, quota_id):
        if set(key[3]) <= set(dimensions.items()):
            return value
    return initial


def rows_of(world: World, quota_id: str) -> list[tuple[QuotaKey, int]]:
    """Return the limits of a quota that requests have moved, the specific ones first."""
    found = [
        (key, value)
        for key, value in world.limits.items()
        if key[0] == "gcp" and key[2] == quota_id
    ]
    return sorted(found, key=lambda row: -len(row[0][3]))


def _info(world: World, project: str, quota_id: str) -> QuotaInfo:
    reason = world.scenario.ineligible
    return QuotaInfo(
        name=f"projects/{project}/locations/global/services/{_SERVICE}/quotaInfos/{quota_id}",
        quota_id=quota_id,
        metric=f"{_SERVICE}/{quota_id.split('-per-', maxsplit=1)[0].replace('-', '_').lower()}",
        service=_SERVICE,
        is_precise=True,
        container_type="PROJECT",
        dimensions=list(dimensions_of(quota_id)),
        quota_display_name=quota_id.replace("-", " "),
        metric_unit="1",
        is_fixed=not world.scenario.adjustable,
        quota_increase_eligibility=(
            {"is_eligible": False, "ineligibility_reason": reason}
            if reason
            else {"is_eligible": True}
        ),
        dimensions_infos=_dimensions_infos(world, quota_id),
    )


def _dimensions_infos(world: World, quota_id: str) -> list[dict[str, Any]]:
    """Return the rows, the specific ones first, then the one for everything else."""
    locations = list(region_names()) if dimensions_of(quota_id) else ["global"]
    specific = [
        {
            "dimensions": dict(key[3]),
            "details": {"value": value},
            "applicable_locations": [key[1]] if key[1] else locations,
        }
        for key, value in rows_of(world, quota_id)
        if key[3]
    ]
    general = {
        "details": {"value": limit_of(world, quota_id, {})},
        "applicable_locations": locations,
    }
    return [*specific, general]


def _parse() -> QuotaPreference:
    try:
        asked: QuotaPreference = QuotaPreference.from_json(
            request.get_data(), ignore_unknown_fields=False
        )
    except ParseError as error:
        raise GoogleError(400, "INVALID_ARGUMENT", f"Invalid JSON payload: {error}") from error
    if asked.quota_config.preferred_value < -1:
        raise GoogleError(400, "INVALID_ARGUMENT", "preferred_value must be -1 or more.")
    return asked


def _key(asked: QuotaPreference) -> QuotaKey:
    dimensions = dict(asked.dimensions)
    if asked.service != _SERVICE or asked.quota_id not in quota_ids():
        raise GoogleError(404, "NOT_FOUND", f"Quota {asked.quota_id} was not found.")
    if not set(dimensions) <= set(dimensions_of(asked.quota_id)):
        raise GoogleError(
            400,
            "INVALID_ARGUMENT",
            f"{asked.quota_id} has the dimensions {list(dimensions_of(asked.quota_id))}.",
        )
    region = dimensions.get("region", "")
    if region and region not in region_names():
        raise GoogleError(400, "INVALID_ARGUMENT", f"Unknown region {region}.")
    return ("gcp", region, asked.quota_id, tuple(sorted(dimensions.items())))


def _file(world: World, name: str, key: QuotaKey, asked: QuotaPreference) -> Any:  # noqa: ANN401 - world.Request
    old = limit_of(world, key[2], dict(key[3]))
    desired = int(asked.quota_config.preferred_value)
    if desired > old:
        if not asked.contact_email:
            raise GoogleError(400, "INVALID_ARGUMENT", "contact_email is required.")
        if world.scenario.ineligible:
            raise GoogleError(
                400,
                "FAILED_PRECONDITION",
                f"The quota is not eligible for an increase: {world.scenario.ineligible}",
            )
    return world.file(key, desired, old, name=name, justification=asked.justification)


def _filed(world: World) -> list[Any]:
    return [r for r in world.requests if r.key[0] == "gcp"]


def _name(project: str, name: str) -> str:
    return f"projects/{project}/locations/global/quotaPreferences/{name}"


def _find(world: World, project: str, name: str) -> Any:  # noqa: ANN401 - world.Request
    for filed in _filed(world):
        if filed.details["name"] == _name(project, name):
            return filed
    raise GoogleError(404, "NOT_FOUND", "The quota preference was not found.")


def _preference(world: World, filed: Any) -> QuotaPreference:  # noqa: ANN401 - world.Request
    world.settle()
    reconciling = filed.is_open(world.now())
    detail = "" if reconciling else f"The request was {filed.outcome}."
    return QuotaPreference(
        name=filed.details["name"],
        service=_SERVICE,
        quota_id=filed.key[2],
        dimensions=dict(filed.key[3]),
        quota_config={
            "preferred_value": filed.desired,
            "granted_value": filed.old if reconciling else filed.granted,
            "state_detail": detail,
            "trace_id": filed.id,
        },
        reconciling=reconciling,
        justification=filed.details["justification"],
        create_time=filed.filed,
        update_time=filed.filed if reconciling else filed.decided,
        etag=filed.id,
    )


def _json(message: Any) -> Response:  # noqa: ANN401 - any proto-plus message
    text = type(message).to_json(message, use_integers_for_enums=False)
    return Response(text, content_type="application/json")
