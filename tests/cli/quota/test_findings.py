"""What was once wrong with quotas, each as a user meets it: the installed command."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from planner.sandbox.aws.ec2_capacity import reservations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.quota.conftest import Typed

DAY = timedelta(days=1)
P5 = ("--instance-type", "p5.48xlarge", "--region", "us-east-1")
NC = ("--instance-type", "Standard_NC24ads_A100_v4", "--region", "westus2")
ADA = (
    "--contact-email=ada@example.com",
    "--contact-first-name=Ada",
    "--contact-last-name=Lovelace",
    "--contact-country=GBR",
)


def limits(rows: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {row["quota_id"]: (row["need"], row["verdict"]) for row in rows}


def grant(typed: Typed, quota_id: str, region: str, value: int) -> None:
    dimensions = (("region", region),) if region else ()
    typed.world.limits["gcp", region, quota_id, dimensions] = value


class TestGoogleMachines:
    @pytest.mark.long
    def test_those_that_bring_their_cards_need_no_cpu_quota(self, typed: Typed) -> None:
        grant(typed, "NVIDIA-L4-GPUS-per-project-region", "us-central1", 4)
        grant(typed, "GPUS-ALL-REGIONS-per-project", "", 4)
        rows = typed.json("check", "--instance-type=g2-standard-48", "--region=us-central1")
        assert set(limits(rows)) == {
            "NVIDIA-L4-GPUS-per-project-region",
            "GPUS-ALL-REGIONS-per-project",
        }

    @pytest.mark.long
    def test_n1_needs_the_regions_cpus(self, typed: Typed) -> None:
        rows = typed.json(
            "check",
            "--instance-type=n1-standard-8+1xnvidia-tesla-t4",
            "--region=us-central1",
            code=4,
        )
        assert limits(rows)["CPUS-per-project-region"][0] == 8

    @pytest.mark.long
    def test_spot_n1_counts_as_regular_until_preemptible_cpus_are_granted(
        self, typed: Typed
    ) -> None:
        n1 = ("--instance-type=n1-standard-8+1xnvidia-tesla-t4", "--region=us-central1", "--spot")
        assert "CPUS-per-project-region" in limits(typed.json("check", *n1, code=4))
        grant(typed, "PREEMPTIBLE-CPUS-per-project-region", "us-central1", 8)
        found = limits(typed.json("check", *n1, code=4))
        assert found["PREEMPTIBLE-CPUS-per-project-region"] == (8, "enough")
        assert "CPUS-per-project-region" not in found


class TestSageMakersAccount:
    WHERE = ("--instance-type=ml.g5.48xlarge", "--region=us-east-1")

    @pytest.mark.long
    def test_the_limit_of_all_endpoints_binds_too(self, typed: Typed) -> None:
        typed.turn(gpu_instances=8, endpoint_instances=0)
        rows = typed.json("check", *self.WHERE, code=4)
        assert limits(rows) == {"L-0100B823": (1, "enough"), "L-7A3DF611": (1, "short")}
        (asked,) = typed.json("request", *self.WHERE, "--yes")
        assert (asked["quota_id"], asked["desired"]) == ("L-7A3DF611", 1)


class TestScaleOut:
    DEPLOY = ("deploy", "llama-2-70b", "--to=sagemaker", "--instance-type=ml.g5.48xlarge")
    HERE = ("--region=us-east-1", "--yes", "--plan", "--create-roles", "--accept-license")

    @pytest.mark.long
    def test_a_deploy_that_may_grow_needs_quota_for_its_largest(self, typed: Typed) -> None:
        typed.turn(gpu_instances=1)
        typed.environment |= {"HF_TOKEN": "hf_sandbox"}
        done = typed.run(*self.DEPLOY, *self.HERE, "--max-instances=4", code=4)
        text = " ".join((done.stdout + done.stderr).split())
        assert "4 needed" in text
        assert "--instances 4" in text  # the remedy asks for all of them

    @pytest.mark.long
    def test_a_fleet_of_planner_size_is_checked_at_its_peak(
        self, typed: Typed, tmp_path: Path
    ) -> None:
        typed.turn(gpu_instances=1)
        size = tmp_path / "fleet.json"
        fleet = {
            "service": "ec2",
            "region": "us-east-1",
            "instance_type": "g6.48xlarge",
            "machines_min": 1,
            "machines_peak": 4,
            "spot_machines_mean": 1,
            "monthly_usd": 30000,
        }
        load = {"requests_per_second": 3}
        size.write_text(json.dumps({"model": "llama-2-70b", "load": load, "fleets": [fleet]}))
        rows = typed.json("check", "--size", str(size), code=4)
        assert limits(rows) == {"L-DB2E81BA": (576, "short"), "L-3819A6DF": (192, "enough")}
        text = typed.quota("request", "--size", str(size), "--dry-run")
        assert "Traffic: 3 requests a second" in text
        assert "1 machines at first" not in text or "3 at the most" in text


class TestTickets:
    @pytest.mark.long
    def test_azures_ticket_has_the_documented_payload_and_is_filed_once(self, typed: Typed) -> None:
        typed.turn(outcome="needs-human", azure_refusal="ContactSupport")
        typed.quota("request", *NC, "--yes")
        typed.quota("status", code=8)
        for number in ("1", "1", "2", "2"):
            typed.quota("request", "--ticket", number, *ADA, "--yes")
        tickets = typed.world.notes["azure-support"].values()
        sent = [t["properties"]["quotaTicketDetails"]["quotaChangeRequests"] for t in tickets]
        assert [json.loads(change["payload"]) for (change,) in sent] == [
            {"VMFamily": "*", "NewLimit": 24},
            {"VMFamily": "StandardNCADSA100v4Family", "NewLimit": 24},
        ]
        rows = typed.json("status", code=8)
        assert all(row["ticket"] and row["state"] == "NEEDS_HUMAN" for row in rows)

    @pytest.mark.long
    def test_its_answer_is_read_and_the_grant_noticed(self, typed: Typed) -> None:
        typed.turn(outcome="needs-human", azure_refusal="ContactSupport")
        typed.quota("request", *NC, "--yes")
        typed.quota("status", code=8)
        for number in ("1", "2"):
            typed.quota("request", "--ticket", number, *ADA, "--yes")
        typed.world.clock.advance(DAY)
        rows = typed.json("status")
        assert {row["state"] for row in rows} == {"APPROVED"}
        typed.quota("check", *NC)

    @pytest.mark.long
    def test_a_refusal_by_a_person_is_told_in_its_words(self, typed: Typed) -> None:
        typed.turn(outcome="needs-human", azure_refusal="ContactSupport", ticket_outcome="denied")
        typed.quota("request", *NC, "--yes")
        typed.quota("status", code=8)
        typed.quota("request", "--ticket", "2", *ADA, "--yes")
        typed.world.clock.advance(DAY)
        rows = {row["id"]: row for row in typed.json("status", code=9)}
        assert "cannot raise this limit" in rows[2]["reply"]
        assert rows[2]["state"] == "DENIED"

    @pytest.mark.long
    def test_azure_ml_goes_by_a_ticket_of_its_own_kind(self, typed: Typed) -> None:
        text = typed.quota("request", "--azure-ml", *NC, *ADA, "--yes")
        assert "Filed as planner-" in text
        (ticket,) = [
            t["properties"]["quotaTicketDetails"]
            for t in typed.world.notes["azure-support"].values()
        ]
        assert ticket["quotaChangeRequestSubType"] == "BatchAml"
        assert json.loads(ticket["quotaChangeRequests"][0]["payload"]) == {
            "VMFamily": "StandardNCADSA100v4Family",
            "NewLimit": 24,
            "Type": "Dedicated",
        }
        typed.world.clock.advance(DAY)
        typed.quota("status")
        typed.quota("check", "--azure-ml", *NC)

    @pytest.mark.long
    @pytest.mark.parametrize("outcome", ["denied", "case-closed"])
    def test_an_appeal_that_succeeds_is_noticed_though_aws_had_closed_it(
        self, typed: Typed, outcome: str
    ) -> None:
        typed.turn(outcome=outcome, appeal_after_s=3 * 86400)
        typed.quota("request", *P5, "--yes")
        typed.world.clock.advance(DAY)
        typed.quota("status", code=9 if outcome == "denied" else 5)
        typed.world.clock.advance(5 * DAY)
        (row,) = typed.json("status")
        assert (row["state"], row["granted"]) == ("APPROVED", 192)


class TestWhatIsInUse:
    def reserve(self, typed: Typed, **changes: Any) -> None:
        row = {
            "CapacityReservationId": f"cr-{len(reservations(typed.world, 'us-east-1'))}",
            "OwnerId": "123456789012",
            "InstanceType": "p4d.24xlarge",
            "TotalInstanceCount": 2,
            "AvailableInstanceCount": 2,
            "State": "active",
            "ReservationType": "default",
        }
        reservations(typed.world, "us-east-1").append({**row, **changes})

    @pytest.mark.long
    def test_reservations_count_whether_they_are_used_or_not(self, typed: Typed) -> None:
        typed.turn(gpu_instances=2)  # 384 vCPU
        self.reserve(typed, State="scheduled")
        self.reserve(typed, State="cancelled")
        self.reserve(typed, OwnerId="999999999999")
        (row,) = typed.json("check", *P5)
        assert (row["usage"], row["limit"]) == (192, 384)

    @pytest.mark.long
    def test_capacity_blocks_have_a_quota_of_their_own(self, typed: Typed) -> None:
        typed.turn(gpu_instances=2)
        self.reserve(typed, InstanceType="p5.48xlarge", ReservationType="capacity-block")
        (row,) = typed.json("check", *P5)
        assert row["usage"] == 0
        (block,) = typed.json("check", *P5, "--capacity-block", code=4)
        assert (block["quota_id"], block["usage"]) == ("L-DA6814F2", 384)

    @pytest.mark.long
    def test_open_spot_requests_count(self, typed: Typed) -> None:
        typed.turn(gpu_instances=2)
        typed.world.notes["ec2-spot-requests"]["us-east-1"] = [
            {
                "SpotInstanceRequestId": "sir-1",
                "State": "open",
                "LaunchSpecification": {"InstanceType": "p5.48xlarge"},
            }
        ]
        (row,) = typed.json("check", *P5, "--spot")
        assert row["usage"] == 192

    @pytest.mark.long
    def test_googles_flex_start_and_reservations_count(self, typed: Typed) -> None:
        typed.turn(gpu_instances=4)
        here = ("--instance-type=a3-highgpu-8g", "--region=us-central1")
        kind = "zones/us-central1-a/machineTypes/a3-highgpu-8g"
        typed.world.notes["gce"]["flex"] = {
            "name": "flex",
            "status": "RUNNING",
            "zone": "us-central1-a",
            "machineType": f"https://x/{kind}",
            "scheduling": {"provisioningModel": "FLEX_START"},
        }
        typed.world.notes["gce-reservations"]["held"] = {
            "zone": "us-central1-a",
            "specificReservation": {
                "count": "2",
                "inUseCount": "1",
                "instanceProperties": {"machineType": "a3-highgpu-8g"},
            },
        }
        on_demand, flex = (
            typed.json("check", *here),
            typed.json("check", *here, "--flex-start"),
        )
        assert on_demand[0]["usage"] == 8  # held, and not used
        assert flex[0]["quota_id"] == "PREEMPTIBLE-NVIDIA-H100-GPUS-per-project-region"
        assert flex[0]["usage"] == 8


class TestNextCommands:
    @pytest.mark.long
    def test_they_keep_every_option_of_the_question(self, typed: Typed) -> None:
        text = typed.quota("check", *P5, "--spot", "--instances", "2", code=4)
        assert (
            "Next: planner --sandbox quota request --instance-type p5.48xlarge "
            "--region us-east-1 --instances 2 --spot" in text
        )
        text = typed.quota("plan", "llama-2-70b", "--cloud=aws", "--precision=int8", "--spot")
        assert "--cloud aws" in text
        assert "--precision int8" in text
        assert "--spot" in text

    @pytest.mark.long
    def test_nothing_is_asked_for_where_asking_is_pointless(self, typed: Typed) -> None:
        typed.turn(ineligible="NOT_ENOUGH_USAGE_HISTORY")
        text = typed.quota(
            "check", "--instance-type=a2-ultragpu-1g", "--region=us-central1", code=4
        )
        assert "pointless" in text
        assert "quota request" not in text
        assert "quota capacity" in text


class TestGoogleSignIn:
    @pytest.mark.long
    def test_one_without_a_quota_project_works(self, typed: Typed) -> None:
        typed.turn(quota_project=False)
        rows = typed.json("check", "--instance-type=a2-ultragpu-1g", "--region=us-central1", code=4)
        assert {row["verdict"] for row in rows} == {"short"}


class TestSeveralWants:
    @pytest.mark.long
    def test_all_that_is_named_is_asked_for_one_request_per_limit(self, typed: Typed) -> None:
        rows = typed.json(
            "request",
            *P5,
            "--instance-type=p4d.24xlarge",
            "--instance-type=g6.48xlarge",
            "--region=us-west-2",
            "--yes",
        )
        asked = {(row["region"], row["quota_id"]): row["desired"] for row in rows}
        assert asked == {
            (region, code): total
            for region in ("us-east-1", "us-west-2")
            for code, total in (("L-417A185B", 288), ("L-DB2E81BA", 192))
        }
        assert len(typed.world.requests) == 4

    @pytest.mark.long
    def test_what_places_share_is_asked_for_in_sum(self, typed: Typed) -> None:
        both = ("--instance-type=a2-ultragpu-2g", "--region=us-central1", "--region=us-east4")
        rows = typed.json("request", *both, "--yes")
        asked = {(row["region"], row["quota_id"]): row["desired"] for row in rows}
        assert asked["", "GPUS-ALL-REGIONS-per-project"] == 4
        assert asked["us-east4", "NVIDIA-A100-80GB-GPUS-per-project-region"] == 2

    @pytest.mark.long
    def test_another_machine_of_the_quota_needs_the_sum(self, typed: Typed) -> None:
        typed.quota("request", *P5, "--yes")
        p4 = ("--instance-type=p4d.24xlarge", "--region=us-east-1")
        (row,) = typed.json("check", *p4, code=4)
        assert (row["planned"], row["asked"], row["request"]) == (192, 192, 1)
        assert row["short_by"] == 288
        (asked,) = typed.json("request", *p4, "--yes", code=8)
        assert (asked["how"], asked["wanted"]) == ("waits for the open one", 288)
        a2 = ("--region=us-central1", "--yes")
        typed.quota("request", "--instance-type=a2-ultragpu-1g", *a2)
        rows = typed.json("request", "--instance-type=a2-ultragpu-2g", *a2)
        assert {row["how"] for row in rows} == {"raised"}
        assert {row["desired"] for row in rows} == {3}

    @pytest.mark.long
    def test_a_check_shows_what_is_open(self, typed: Typed) -> None:
        typed.quota("request", *P5, "--yes")
        text = typed.quota("check", *P5, code=4)
        assert "#1: 192" in text
        assert "asked for already" in text

    @pytest.mark.long
    def test_limits_that_are_enough_for_each_may_be_short_for_all(self, typed: Typed) -> None:
        typed.turn(gpu_instances=1)
        both = (*P5, "--instance-type=p4d.24xlarge")
        typed.quota("check", *both)
        rows = typed.json("check", *both, "--together", code=4)
        assert {row["short_by"] for row in rows} == {96}


@pytest.mark.long
def test_spot_ways_have_spot_prices(typed: Typed) -> None:
    on_demand = typed.json("plan", "llama-2-70b", "--cloud=aws", "--top=20")
    spot = typed.json("plan", "llama-2-70b", "--cloud=aws", "--top=20", "--spot")
    before = {row["instance_type"]: row["hourly_usd"] for row in on_demand}
    known = {
        row["instance_type"]: row["hourly_usd"]
        for row in spot
        if row["spot"] and row["hourly_usd"] is not None
    }
    assert known
    assert all(price < before[name] for name, price in known.items() if before.get(name))


class TestExitCodes:
    @pytest.mark.long
    def test_unknown_is_five(self, typed: Typed) -> None:
        typed.turn(denied_actions=("servicequotas:GetServiceQuota",))
        typed.quota("check", *P5, code=5)
        typed.quota("request", *P5, "--yes", code=5)

    @pytest.mark.long
    def test_a_region_that_is_off_and_a_provider_that_is_not_registered_are_five(
        self, typed: Typed
    ) -> None:
        typed.turn(disabled_regions=("ap-southeast-3",), providers_registered=False)
        off = ("--instance-type=p5.48xlarge", "--region=ap-southeast-3")
        typed.quota("check", *off, code=5)
        typed.quota("request", *off, "--yes", code=5)
        typed.quota("check", *NC, code=5)
        typed.quota("request", *NC, "--yes", code=5)

    @pytest.mark.long
    def test_watching_once_tells_by_code_and_json(self, typed: Typed) -> None:
        assert typed.json("watch", "--once") == []
        typed.quota("request", *P5, "--yes")
        (row,) = typed.json("watch", "--once", code=8)
        assert row["state"] == "PENDING"
        typed.world.clock.advance(DAY)
        (row,) = typed.json("watch", "--once")
        assert (row["state"], row["granted"]) == ("APPROVED", 192)

    @pytest.mark.long
    def test_a_refusal_is_nine(self, typed: Typed) -> None:
        typed.turn(outcome="denied")
        typed.quota("request", *P5, "--yes")
        typed.world.clock.advance(DAY)
        typed.quota("status", code=9)
        typed.quota("watch", "--once", code=9)


@pytest.mark.long
def test_csv_is_for_spreadsheets(typed: Typed) -> None:
    typed.quota("request", "--instance-type=a3-highgpu-8g", "--region=us-central1", "--yes")
    done = typed.run("quota", "status", "--format=csv", code=8)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert "gpu_family=NVIDIA_H100" in {part for row in rows for part in row["dimensions"].split()}
    assert not any("{" in cell or "datetime" in cell for row in rows for cell in row.values())


class TestNotifications:
    @pytest.mark.long
    def test_a_change_is_told_once_whichever_command_saw_it(
        self, typed: Typed, tmp_path: Path
    ) -> None:
        told = tmp_path / "told"
        typed.quota("request", *P5, "--yes")
        typed.world.clock.advance(DAY)
        typed.quota("status")  # sees it, and has nobody to tell
        tell = f'echo "$PLANNER_STATE" >> {told}'
        typed.quota("watch", "--once", "--notify", tell)
        typed.quota("watch", "--once", "--notify", tell)
        typed.quota("status", "--notify", tell)
        assert told.read_text() == "APPROVED\n"

    @pytest.mark.long
    def test_the_place_can_be_told_once_and_for_all(self, typed: Typed, tmp_path: Path) -> None:
        told = tmp_path / "told"
        typed.run("config", "set", f"notify=echo told > {told}")
        typed.quota("request", *P5, "--yes")
        typed.world.clock.advance(DAY)
        typed.quota("watch", "--once")
        assert told.read_text() == "told\n"


class TestJustification:
    @pytest.mark.long
    def test_it_has_cost_traffic_growth_company_and_other_regions(self, typed: Typed) -> None:
        typed.run("config", "set", "company=Acme")
        text = typed.quota(
            "request",
            "llama-2-70b",
            "--instance-type=p4d.24xlarge",
            "--region=us-east-1",
            "--hours-per-month=100",
            "--budget=5000",
            "--traffic=12 requests a second",
            "--growth=20% a month",
            "--also-region=us-west-2",
            "--dry-run",
        )
        for words in (
            "about $2,196 a month",
            "budget is $5,000",
            "12 requests a second, growing 20% a month",
            "us-west-2 would do as well",
            "Company: Acme.",
        ):
            assert words in text

    @pytest.mark.long
    def test_on_aws_it_reaches_the_case(self, typed: Typed) -> None:
        typed.quota("request", *P5, "--purpose=answer our customers", "--yes")
        text = typed.quota("request", "--ticket=1", "--yes")
        assert "Follow it" in text
        typed.quota("status", code=8)
        typed.quota("status", code=8)
        (told,) = typed.world.notes["aws-cases"].values()
        assert len(told) == 1  # once, however often it is looked at
        told = told[0]
        assert "answer our customers" in told["body"]
        typed.world.clock.advance(DAY)
        (row,) = typed.json("status")
        assert row["state"] == "APPROVED"

    @pytest.mark.long
    def test_without_a_support_plan_the_text_is_there_to_paste(self, typed: Typed) -> None:
        typed.turn(support_plan=False)
        typed.quota("request", *P5, "--yes")
        typed.quota("request", "--ticket=1", "--yes")
        text = typed.quota("status", code=8)
        assert "paste the text into the case" in text
        assert "text to paste there: We will" in text


class TestNewTypes:
    @pytest.mark.long
    @pytest.mark.parametrize(
        ("name", "region", "quota_id"),
        [
            ("a4-highgpu-8g", "us-central1", "GPUS-PER-GPU-FAMILY-per-project-region"),
            ("a3-ultragpu-8g", "us-central1", "GPUS-PER-GPU-FAMILY-per-project-region"),
            ("a3-megagpu-8g", "us-central1", "GPUS-PER-GPU-FAMILY-per-project-region"),
            ("p5e.48xlarge", "us-east-2", "L-417A185B"),
            ("ml.p4de.24xlarge", "us-east-1", "L-456B4C5F"),
            ("ml.p5en.48xlarge", "us-east-1", None),
            ("ml.p6-b200.48xlarge", "us-east-1", None),
        ],
    )
    def test_they_can_be_checked_and_asked_for(
        self, typed: Typed, name: str, region: str, quota_id: str | None
    ) -> None:
        where = ("--instance-type", name, "--region", region)
        rows = typed.json("check", *where, code=4)
        assert rows[0]["verdict"] == "short"
        assert quota_id in {rows[0]["quota_id"], None}
        asked = typed.json("request", *where, "--yes")
        assert asked[0]["state"] == "PENDING"

    @pytest.mark.long
    def test_h100_mega_is_a_family_of_its_own(self, typed: Typed) -> None:
        rows = typed.json(
            "request", "--instance-type=a3-megagpu-8g", "--region=us-central1", "--yes"
        )
        assert rows[0]["dimensions"]["gpu_family"] == "NVIDIA_H100_MEGA"


@pytest.mark.long
def test_a_size_that_azure_closes_can_be_asked_access_to(typed: Typed) -> None:
    typed.turn(restricted_regions=("westus2",), gpu_instances=1)
    text = typed.quota("check", *NC, code=4)
    assert "quota request --instance-type Standard_NC24ads_A100_v4 --region westus2" in text
    assert "--access" in text
    text = typed.quota("request", *NC, "--yes", code=4)
    assert "quota request --access" in text
    typed.quota("request", "--access", *NC, *ADA, "--yes")
    typed.quota("request", "--access", *NC, *ADA, "--yes")
    assert len(typed.world.notes["azure-support"]) == 1
    typed.quota("status", code=8)
    typed.world.clock.advance(DAY)
    (row,) = typed.json("status")
    assert (row["state"], row["reason"]) == ("APPROVED", "the subscription may use it now")
    typed.quota("check", *NC)


def test_a_google_wish_without_a_region_is_not_sent(typed: Typed) -> None:
    text = typed.quota(
        "request",
        "--cloud=gcp",
        "--quota-id=NVIDIA-L4-GPUS-per-project-region",
        "--to=4",
        "--purpose=test",
        "--yes",
        code=2,
    )
    assert "for every region" in text
    assert not typed.world.requests
