"""What judges manifests: Kubernetes' own schemas, and those of the controllers that are used.

Unknown fields are errors in all of them, as ``kubectl apply --validate=strict`` has it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource

KUBERNETES = "1.33.0"
_FOLDER = f"kubernetes-json-schema/v{KUBERNETES}-local-strict"
_CRDS = Path(__file__).parent.parent / "endpoints" / "kubernetes" / "crds"


def problems(manifest: dict[str, Any]) -> list[str]:
    """Return what is wrong with an object, pod templates of custom resources included."""
    found = _judge(manifest)
    for name, template in _templates(manifest).items():
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "template": template}
        found += [f"{name}: {text}" for text in _judge(pod)]
    return found


def _judge(manifest: dict[str, Any]) -> list[str]:
    validator = _validator(manifest["apiVersion"], manifest["kind"])
    return [
        f"{manifest['kind']} {'.'.join(str(part) for part in error.absolute_path)}: {error.message}"
        for error in validator.iter_errors(manifest)
    ]


def _templates(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] != "LeaderWorkerSet":
        return {}
    group = manifest["spec"]["leaderWorkerTemplate"]
    return {name: group[name] for name in ("leaderTemplate", "workerTemplate")}


@cache
def _validator(version: str, kind: str) -> Draft202012Validator:
    group, _, short = version.rpartition("/")
    for path in _CRDS.glob("*.json"):
        crd = json.loads(path.read_text())
        if (crd["group"], crd["version"], crd["kind"]) == (group, short, kind):
            return Draft202012Validator(_strict(crd["schema"]))
    name = f"{kind}-{group.partition('.')[0]}-{short}" if group else f"{kind}-{short}"
    schema = utils.schema_contents(f"{_FOLDER}/{name.lower()}.json", KUBERNETES)
    return Draft202012Validator(schema, registry=_definitions())


@cache
def _definitions() -> Any:
    contents = utils.schema_contents(f"{_FOLDER}/_definitions.json", KUBERNETES)
    return Resource.from_contents(contents) @ Registry()


def _strict(schema: Any) -> Any:
    """Return a CRD's schema that knows no other fields than its own.

    ``metadata`` is the API server's business: a CRD says ``type: object`` and no more.
    """
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    open_ended = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(schema)
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    return made
