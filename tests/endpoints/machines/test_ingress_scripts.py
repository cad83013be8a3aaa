"""The start scripts of machines with a way in, as cloud-init and bash read them, on each cloud."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import borrowed
import jsonschema
import pytest
import yaml
from vm_rig import OPTIONS, cheapest_on

from planner.endpoints.azure_vm import requests as azure
from planner.endpoints.deploying import deployment
from planner.endpoints.ec2 import requests as ec2
from planner.endpoints.gce import requests as gce
from planner.endpoints.ingress import Ingress
from planner.endpoints.interface import adapter

if TYPE_CHECKING:
    from pathlib import Path

    from planner.endpoints.model import DeploymentSpec

WAYS = {
    "tunnel": Ingress(),
    "private": Ingress.of("private", ["10.0.0.0/8"], ""),
    "public": Ingress.of("public", ["203.0.113.7"], ""),
    "domain": Ingress.of("public", ["0.0.0.0/0"], "llm.example.com"),
}
USER_DATA = {
    "ec2": lambda made: ec2.user_data(made, ec2.parameter_name(made)),
    "gce": lambda made: gce.user_data(made, "projects/p/secrets/t", "projects/p/secrets/t-key"),
    "azure-vm": azure.user_data,
}
# What each machine's metadata and store answer, in the form that their documents show.
METADATA = {
    "ec2": "*public-ipv4*|*local-ipv4*) echo 203.0.113.9 ;; *token*) echo t ;;",
    "gce": '*/token*) echo \'{"access_token":"t","expires_in":1}\' ;; '
    '*external-ip*|*network-interfaces/0/ip*) echo 203.0.113.9 ;; '
    '*config*|*secretmanager*) echo \'{"payload": {"data": "cGxhbm5lci1vbmU="}}\' ;;',
    "azure-vm": '*loadbalancer*) echo \'{"loadbalancer": {"publicIpAddresses": '
    '[{"frontendIpAddress": "203.0.113.9", "privateIpAddress": "10.0.0.4"}]}}\' ;; '
    '*oauth2*) echo \'{"access_token":"t","expires_in":"1"}\' ;; '
    '*) echo \'{"value": "planner-one", "id": "x"}\' ;;',
}  # fmt: skip


def spec(service: str, way: str) -> DeploymentSpec:
    plan = cheapest_on(service, "llama-3.1-8b")
    options = replace(OPTIONS, ingress=WAYS[way])
    return deployment.specify(plan, options, container_for=adapter(service).container)


def config(service: str, way: str) -> dict[str, Any]:
    text = USER_DATA[service](spec(service, way))
    assert text.startswith("#cloud-config")
    assert "{{" not in text
    assert "{%" not in text
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@pytest.mark.parametrize("service", USER_DATA)
@pytest.mark.parametrize("way", WAYS)
def test_cloud_init_and_bash_take_it(service: str, way: str, tmp_path: Path) -> None:
    made = config(service, way)
    schema = jsonschema.Draft4Validator(borrowed.cloud_config_schema())
    assert not list(schema.iter_errors(made))
    files = {item["path"]: item["content"] for item in made["write_files"]}
    assert ("/etc/planner/Caddyfile" in files) is (way != "tunnel")
    for path, content in files.items():
        if path.endswith(".sh"):
            (tmp_path / "script.sh").write_text(content)
            checked = subprocess.run(
                ["bash", "-n", tmp_path / "script.sh"], capture_output=True, check=False
            )
            assert checked.returncode == 0, checked.stderr
    starts = shlex.join(str(command) for command in made["runcmd"])
    assert ("planner-ingress" in starts) is (way != "tunnel")
    waits = "planner-ingress/open" in files["/etc/planner/start.sh"]
    assert waits is (way != "tunnel"), "it is ready once its way in is open"


@pytest.mark.parametrize("service", USER_DATA)
@pytest.mark.parametrize("way", ["private", "public"])
def test_the_machine_finds_its_keys_and_its_address(service: str, way: str, tmp_path: Path) -> None:
    """The cloud's own two functions, run on what its metadata and its store answer."""
    files = {item["path"]: item["content"] for item in config(service, way)["write_files"]}
    script = files["/etc/planner/ingress.sh"]
    functions = script[script.index('rm -f "$own/open"') :].partition("# Write the keys")[0]
    stubs = {
        # It reads its options from the pipe first, where it is told to.
        "curl": "#!/bin/bash\n"
        'case "$*" in *--config*) cat > /dev/null ;; esac\n'
        f'case "$*" in {METADATA[service]} esac\n',
        "aws": "#!/bin/bash\necho planner-one\n",
    }
    for name, text in stubs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"own=.\n{functions}\nread_keys; echo; own_address"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout.split() == ["planner-one", "203.0.113.9"], done.stderr


@pytest.mark.parametrize("way", ["private", "public", "domain"])
def test_compute_engine_s_own_firewall_opens_what_is_needed(way: str) -> None:
    commands = [str(item) for item in config("gce", way)["runcmd"]]
    opened = {port for port in ("443", "80") if any(f"--dport {port} " in c for c in commands)}
    assert opened == ({"443", "80"} if way == "domain" else {"443"})
