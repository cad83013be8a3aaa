"""What ``make test`` fetches to judge with and does not install: a schema, an SDK, Caddy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER = Path(sys.prefix) / "borrowed"
_SDK = _FOLDER / "sagemaker-core"
_SCHEMAS = (
    _FOLDER / "cloud-init/usr/lib/python3/dist-packages/cloudinit/config/schemas",
    Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas"),
)
_CURE = "make test fetches it; without: make .venv/.borrowed"
# The SDK's package is there without what it depends on; of that, one name is needed.
_SHIM = """
import importlib.metadata, sys
sys.modules["importlib_metadata"] = importlib.metadata
"""
_ASK = """
import json
from sagemaker.core import image_uris
print(json.dumps([
    image_uris.retrieve(framework, region=region, version=version,
                        instance_type="ml.g5.48xlarge", image_scope="inference")
    for framework, version, region in json.load(sys.stdin)
]))
"""
_SIGN = """
import datetime, json
from sagemaker.core.token_generator import generate_token
region, seconds = json.load(sys.stdin)
print(generate_token(region=region, expiry=datetime.timedelta(seconds=seconds)))
"""


def caddy() -> Path:
    """Return the folder with Caddy's program; skips the test where it could not be fetched."""
    for path in (_FOLDER / "caddy/usr/bin", Path("/usr/bin")):
        if (path / "caddy").is_file():
            return path
    pytest.skip(f"Caddy is not there: {_CURE}")


def sdk_images(asked: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return the images that the SageMaker SDK names for (framework, version, region)."""
    images: list[str] = json.loads(with_sdk(_ASK, json.dumps(list(asked))))
    return images


def sdk_token(region: str, seconds: int) -> str:
    """Return a bearer token that the SageMaker SDK signs as the sandbox's user."""
    return with_sdk(_SIGN, json.dumps([region, seconds]))


def with_sdk(program: str, given: str = "") -> str:
    """Return the last line that a program with the SDK prints, signed in to the sandbox."""
    if not _SDK.is_dir():
        pytest.skip(f"the SageMaker SDK's image data is not here: {_CURE}")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SHIM + program],
        input=given,
        env={"PYTHONPATH": str(_SDK), "AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin",
             "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(_FOLDER),
             "AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def cloud_config_schema() -> dict[str, Any]:
    """Return the schema by which cloud-init judges user data."""
    name = "schema-cloud-config-v1.json"
    found = next((folder / name for folder in _SCHEMAS if (folder / name).is_file()), None)
    if found is None:
        pytest.skip(f"cloud-init's schema is not here (Debian): {_CURE}")
    schema: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return schema
