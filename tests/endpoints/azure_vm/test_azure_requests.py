"""What is sent to Azure: by the SDKs' own models, by cloud-init, by bash."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import borrowed
import jsonschema
import pytest
import yaml
from azure.mgmt.authorization.v2022_04_01 import models as authorization
from azure.mgmt.devtestlabs import models as devtestlabs
from azure.mgmt.keyvault import models as keyvault
from azure.mgmt.logic import models as logic
from azure.mgmt.msi import models as msi
from azure_rig import OPTIONS, TOKEN, cheapest

from planner.endpoints.azure_vm import Adapter, access, checks, parts, requests
from planner.endpoints.deploying import deployment
from planner.endpoints.model import DeploymentSpec, Secret
from planner.errors import UsageError
from planner.pricing import instance_types
from planner.sandbox.azure import schema

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHERE = requests.Group.of("00000000-0000-0000-0000-000000000000", "planner-m-1")
KEY = "ssh-ed25519 AAAA ada@example"


def spec(provisioning: str = "STANDARD", **changes: Any) -> DeploymentSpec:
    made = deployment.specify(
        cheapest(), OPTIONS, now=NOW, container_for=Adapter(provisioning).container
    )
    return replace(made, token=Secret(TOKEN), **changes)


def wrong(body: Any, model: Any, path: str = "") -> list[str]:
    """Return what an SDK's model (azure-mgmt, msrest style) does not know or may not be sent."""
    kinds = {item["key"]: item["type"] for item in model._attribute_map.values()}
    rules = {model._attribute_map[name]["key"]: rule for name, rule in model._validation.items()}
    found = [
        f"{path}{key} is missing"
        for key, rule in rules.items()
        if rule.get("required") and not rule.get("readonly") and look_up(body, key) is None
    ]
    for key, value in flat(body, kinds):
        if key not in kinds:
            found.append(f"{path}{key} is not known")
        elif rules.get(key, {}).get("readonly"):
            found.append(f"{path}{key} is read-only")
        else:
            module = __import__(model.__module__, fromlist=["_"])
            inner = getattr(module, kinds[key].strip("[]{}"), None)
            if inner is not None and isinstance(value, dict) and "{" not in kinds[key]:
                found += wrong(value, inner, f"{path}{key}.")
    return found


def flat(body: dict[str, Any], kinds: dict[str, str], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the members by the flattened keys of a model: ``properties.dailyRecurrence``."""
    rows: list[tuple[str, Any]] = []
    for name, value in body.items():
        key = f"{prefix}{name}"
        if key not in kinds and any(known.startswith(f"{key}.") for known in kinds):
            rows += flat(value, kinds, f"{key}.")
        else:
            rows.append((key, value))
    return rows


def look_up(body: Any, key: str) -> Any:
    for name in key.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


@pytest.mark.parametrize("provisioning", requests.MODELS)
@pytest.mark.parametrize("zone", ["", "2"])
def test_the_machine_is_what_microsoft_s_model_knows(provisioning: str, zone: str) -> None:
    body = requests.virtual_machine(spec(provisioning), WHERE, zone, KEY)
    assert schema.wrong("microsoft.compute/virtualmachines", body) == []
    assert body.get("zones", []) == ([zone] if zone else [])


def test_the_network_is_what_microsoft_s_models_know() -> None:
    made = spec()
    assert schema.wrong("microsoft.network/networksecuritygroups", requests.nsg(made)) == []
    network = requests.virtual_network(made, WHERE)
    assert schema.wrong("microsoft.network/virtualnetworks", network) == []
    rule = requests.rule("ssh", priority=1000, access="Allow", source="203.0.113.7", port="22")
    assert schema.wrong("microsoft.network/networksecuritygroups/securityrules", rule) == []


def test_the_validators_find_a_word_that_microsoft_does_not_know() -> None:
    body = requests.virtual_machine(spec("SPOT"), WHERE, "1", KEY)
    body["properties"]["priority"] = "Spott"
    body["properties"]["osProfile"]["userName"] = "ada"
    body["properties"]["storageProfile"]["osDisk"]["diskSizeGB"] = "128"
    del body["properties"]["storageProfile"]["osDisk"]["createOption"]
    found = " ".join(schema.wrong("microsoft.compute/virtualmachines", body))
    for name in ("priority cannot be", "userName is not known", "diskSizeGB", "createOption is m"):
        assert name in found
    late = parts.schedule(WHERE, "m", "eastus", NOW)
    late["properties"]["taskKind"] = "?"
    assert wrong(late, devtestlabs.Schedule) == ["properties.taskKind is not known"]
    assert wrong({"properties": {}}, authorization.RoleAssignmentCreateParameters)


def test_what_is_sent_by_its_id_is_what_the_models_of_its_own_sdk_know() -> None:
    made = spec()
    assert wrong(parts.workflow(WHERE, "eastus", {}, NOW), logic.Workflow) == []
    assert wrong(parts.identity(made), msi.Identity) == []
    _, role = parts.role_assignment(WHERE, "p")
    assert wrong(role, authorization.RoleAssignmentCreateParameters) == []
    for at in (NOW, None):
        assert wrong(parts.schedule(WHERE, "m", "eastus", at), devtestlabs.Schedule) == []
    for body, model in (
        (parts.vault(made, "t", ["p"]), keyvault.VaultCreateOrUpdateParameters),
        (parts.secret(Secret(TOKEN), made.expires_at), keyvault.SecretCreateOrUpdateParameters),
    ):
        assert schema.wrong_by(model, body) == []
    assert schema.wrong_by(keyvault.VaultCreateOrUpdateParameters, {"location": "eastus"}) != []


def test_the_expiry_acts_at_its_time_on_its_own_group_as_itself() -> None:
    body = parts.workflow(WHERE, "eastus", {}, NOW + timedelta(hours=8))
    definition = body["properties"]["definition"]
    (trigger,) = definition["triggers"].values()
    assert trigger["recurrence"]["startTime"] == "2026-11-23T20:00:00Z"
    (action,) = definition["actions"].values()
    assert action["inputs"]["method"] == "DELETE"
    assert action["inputs"]["uri"].startswith(f"https://management.azure.com{WHERE.id}?")
    assert action["inputs"]["authentication"]["type"] == body["identity"]["type"].replace(
        "SystemAssigned", "ManagedServiceIdentity"
    )
    id_, role = parts.role_assignment(WHERE, "p")
    assert id_.startswith(f"{WHERE.id}/providers/Microsoft.Authorization/roleAssignments/")
    assert role["properties"]["principalId"] == "p"
    assert parts.role_assignment(WHERE, "p")[0] == id_, "a repeated call finds its own work"


def test_the_auto_shutdown_is_off_until_the_last_day() -> None:
    assert parts.schedule(WHERE, "m", "eastus", None)["properties"]["status"] == "Disabled"
    late = parts.schedule(WHERE, "m", "eastus", NOW)["properties"]
    assert (late["status"], late["dailyRecurrence"]) == ("Enabled", {"time": "1200"})


def test_nothing_comes_in_and_the_engine_listens_on_loopback() -> None:
    (rule,) = requests.nsg(spec())["properties"]["securityRules"]
    assert (rule["properties"]["access"], rule["properties"]["sourceAddressPrefix"]) == (
        "Deny",
        "*",
    )
    assert rule["properties"]["priority"] == 4096
    given = requests.arguments(spec())
    assert given[given.index("--host") + 1] == "127.0.0.1"


def test_the_token_is_in_nothing_but_the_secret() -> None:
    made = spec()
    body = requests.virtual_machine(made, WHERE, "1", KEY)
    custom = base64.b64decode(body["properties"]["osProfile"]["customData"]).decode()
    written = base64.b64decode(body["properties"]["userData"]).decode()
    others = [parts.vault(made, "t", ["p"]), requests.group(made, NOW), requests.nsg(made)]
    assert TOKEN not in json.dumps([body, custom, written, others])
    secret = parts.secret(Secret(TOKEN), made.expires_at)["properties"]
    assert secret["value"] == TOKEN
    assert secret["attributes"]["exp"] == int((NOW + timedelta(hours=8)).timestamp())


def test_the_disk_holds_the_weights_unless_the_machine_brings_its_own() -> None:
    made = spec()
    assert made.weights.size_gb == pytest.approx(137.95, abs=0.05)
    assert requests.disk_gb(made) == 128
    plan = replace(made.plan, instance_type="Standard_NC64as_T4_v3")
    assert requests.disk_gb(replace(made, plan=plan)) >= 128 + 137.95


def test_sizes_with_disks_of_their_own_are_known() -> None:
    served = [i.instance_type for i in instance_types.bundled() if i.service == "azure-vm"]
    with_disks = {name for name in served if requests.has_nvme(name)}
    assert "Standard_ND96asr_v4" in with_disks
    assert not any("T4" in name for name in with_disks)


def test_names_keep_within_what_azure_takes() -> None:
    longest = "m" * requests.LONGEST_NAME
    made = spec(name=longest)
    assert len(requests.group_name(made)) <= 90
    assert len(requests.vault_name(made.run)) <= 24
    tags = requests.group(made, NOW)["tags"]
    assert len(tags) <= 50
    assert all(
        len(value) <= 256 and not set(name) & set("<>%&\\?/") for name, value in tags.items()
    )


@pytest.mark.parametrize("token", [Secret(TOKEN), None])
def test_cloud_init_and_bash_take_the_user_data(token: Secret | None, tmp_path: Path) -> None:
    text = requests.user_data(replace(spec(), token=token))
    assert "{{" not in text
    parsed = yaml.safe_load(text)
    by_path = {item["path"]: item["content"] for item in parsed["write_files"]}
    given = by_path["/etc/planner/arguments"].splitlines()
    assert given == requests.arguments(spec())
    script = tmp_path / "start.sh"
    script.write_text(by_path["/etc/planner/start.sh"])
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert ("vault.azure.net" in script.read_text()) is (token is not None)
    assert len(base64.b64encode(text.encode())) < 65536


def test_cloud_init_s_own_schema_takes_the_user_data() -> None:
    schema = jsonschema.Draft4Validator(borrowed.cloud_config_schema())
    config = yaml.safe_load(requests.user_data(spec()))
    assert not list(schema.iter_errors(config))
    assert list(schema.iter_errors(config | {"runcmd": "yes"}))


def test_local_disks_are_found_by_their_model_alone(tmp_path: Path) -> None:
    """The line of start.sh that picks the disks, run on what lsblk prints on such a machine."""
    text = yaml.safe_load(requests.user_data(spec()))["write_files"][1]["content"]
    (line,) = [line.strip() for line in text.splitlines() if "lsblk" in line]
    printed = (
        "/dev/sda     Virtual Disk\n"
        "/dev/nvme0n1 Microsoft NVMe Direct Disk v2\n"
        "/dev/nvme1n1 MSFT NVMe Accelerator v1.0\n"
        "/dev/nvme2n1 Microsoft NVMe Direct Disk\n"
    )
    script = f'lsblk() {{ cat "{tmp_path}/printed"; }}\n{line}\nprintf "%s\\n" "${{disks[@]}}"\n'
    (tmp_path / "printed").write_text(printed)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["/dev/nvme0n1", "/dev/nvme2n1"]


def test_the_token_is_read_out_of_key_vault_s_answer(tmp_path: Path) -> None:
    """The function of start.sh that reads the token, run with a curl that answers as Azure."""
    text = yaml.safe_load(requests.user_data(spec()))["write_files"][1]["content"]
    begin, end = text.index("identity="), text.index("# A new identity")
    answers = (
        'curl() { case "$*" in\n'
        '*169.254*) echo \'{"access_token":"eyJ0","client_id":"x","token_type":"Bearer"}\' ;;\n'
        "*vault.azure.net/secrets/hf-token*) grep -q 'Bearer eyJ0' && echo "
        '\'{"value":"hf_abc","id":"https://v/secrets/hf-token/1","attributes":{}}\' ;;\n'
        "*) return 22 ;; esac; }\n"
    )
    body = text[begin:end].replace("/run/planner/env", f"{tmp_path}/env")
    script = f"set -euo pipefail\n{answers}{body}\nread_token\n"
    subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    assert (tmp_path / "env").read_text() == "HF_TOKEN=hf_abc\n"


def test_other_engines_and_weights_in_s3_are_refused() -> None:
    make = Adapter().container
    with pytest.raises(UsageError, match="tgi"):
        deployment.specify(cheapest(), replace(OPTIONS, engine="tgi"), container_for=make)
    with pytest.raises(UsageError, match="S3"):
        deployment.specify(cheapest(), replace(OPTIONS, weights="s3://b/p/"), container_for=make)


def test_missing_permissions_are_found_through_wildcards() -> None:
    wanted = ["Microsoft.Compute/virtualMachines/write", "Microsoft.Logic/workflows/read"]
    owner = [{"actions": ["*"], "notActions": []}]
    assert checks.missing(wanted, owner) == []
    contributor = [{"actions": ["*"], "notActions": ["microsoft.logic/*"]}]
    assert checks.missing(wanted, contributor) == wanted[1:]
    both = [*contributor, {"actions": ["Microsoft.Logic/*/read"]}]
    assert checks.missing(wanted, both) == []
    assert checks.missing(wanted, []) == wanted


def test_an_ssh_key_of_a_kind_that_azure_takes_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="no SSH key"):
        access.public_key()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ecdsa.pub").write_text("ecdsa-sha2-nistp256 AAAA")
    with pytest.raises(UsageError, match="no SSH key"):
        access.public_key()
    (tmp_path / ".ssh" / "id_rsa.pub").write_text("ssh-rsa AAAA ada\n")
    assert access.public_key() == "ssh-rsa AAAA ada"
