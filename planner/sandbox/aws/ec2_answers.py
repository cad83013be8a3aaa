"""Answers of EC2 in its own XML, written by botocore's model of the operation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from botocore.model import ListShape, StructureShape
from werkzeug.wrappers import Response

from planner.sandbox.aws.protocol import AwsCall, model

if TYPE_CHECKING:
    from botocore.model import Shape

_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def xml_response(call: AwsCall, answer: dict[str, Any]) -> Response:
    """Return an answer of EC2; a member that the model does not have is an error."""
    shape = model("ec2").operation_model(call.operation).output_shape
    root = ET.Element(f"{call.operation}Response", xmlns=_NAMESPACE)
    ET.SubElement(root, "requestId").text = "sandbox"
    _fill(root, shape, answer)
    return Response(ET.tostring(root), 200, content_type="text/xml")


def members(call: AwsCall, name: str) -> list[str]:
    """Return a list parameter of the query protocol: ``InstanceType.1``, ``InstanceType.2``."""
    found = {key: value for key, value in call.parameters.items() if key.startswith(f"{name}.")}
    return [found[key] for key in sorted(found, key=lambda key: int(key.rsplit(".", 1)[-1]))]


def _fill(parent: ET.Element, shape: Shape, value: Any) -> None:  # noqa: ANN401 - JSON-like
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            member = shape.members[name]
            tag = member.serialization.get("name", name)
            _fill(ET.SubElement(parent, tag), member, item)
    elif isinstance(shape, ListShape):
        for item in value:
            _fill(ET.SubElement(parent, "item"), shape.member, item)
    elif isinstance(value, datetime):
        parent.text = value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    elif isinstance(value, bool):
        parent.text = str(value).lower()
    else:
        parent.text = str(value)
