"""The quota commands, in this process, against the simulated clouds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from planner.cli.app import cli
from planner.errors import ExpiredCredentialsError, QuotaShortError, UnknownNameError, UsageError
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from planner.sandbox.server import Sandbox

P5 = ("--instance-type", "p5.48xlarge", "--region", "us-east-1")
GPU = ("--instance-type", "a3-highgpu-8g", "--region", "us-central1")
NC = ("--instance-type", "Standard_NC24ads_A100_v4", "--region", "westus2")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def run(*arguments: str, code: int = 0, answer: str | None = None) -> Result:
    done = CliRunner().invoke(
        cli, ["quota", *arguments], input=answer, standalone_mode=False, catch_exceptions=False
    )
    assert (done.return_value or 0) == code, done.output
    return done


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


@pytest.mark.usefixtures("sandbox")
class TestCheck:
    def test_the_table_fits_80_columns_and_is_marked_as_simulated(self) -> None:
        done = run("check", *P5, *GPU, *NC, code=4)
        assert "[SIMULATED]" in done.stdout
        assert "short by 192" in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= 80

    @pytest.mark.long
    def test_json_is_one_document_with_everything(self) -> None:
        done = run("check", *P5, "--format", "json", code=4)
        (row,) = json.loads(done.stdout)
        assert (row["limit"], row["need"], row["short_by"], row["unit"]) == (0, 192, 192, "vCPU")
        assert (row["quota_id"], row["verdict"]) == ("L-417A185B", "short")
        assert row["simulated"] is True

    @pytest.mark.parametrize("form", ["csv", "markdown"])
    def test_the_other_formats_have_a_row_per_quota(self, form: str) -> None:
        done = run("check", *NC, "--format", form, code=4)
        assert done.stdout.count("Standard_NC24ads_A100_v4") >= 1
        assert "Total Regional" in done.stdout

    @pytest.mark.long
    def test_a_model_is_checked_in_every_region_of_the_geo(self) -> None:
        done = run("check", "llama-2-70b", "--cloud", "aws", "--format", "json", code=4)
        rows = json.loads(done.stdout)
        assert {"us-east-1", "us-west-2"} <= {row["region"] for row in rows}
        assert all(row["region"].startswith("us-") for row in rows)

    def test_nothing_asked_is_a_usage_error(self) -> None:
        done = CliRunner().invoke(cli, ["quota", "check"])
        assert done.exit_code == 2

    def test_an_unknown_region_is_named(self) -> None:
        with pytest.raises(UnknownNameError, match="us-esat-1"):
            run("check", "--instance-type", "p5.48xlarge", "--region", "us-esat-1")


def test_debug_counts_the_calls(sandbox: Sandbox) -> None:
    del sandbox
    done = CliRunner().invoke(cli, ["--debug", "quota", "check", *P5], standalone_mode=False)
    assert "3 API calls:" in done.stderr
    assert "1 aws service-quotas:GetServiceQuota" in done.stderr


def test_room_is_exit_code_zero(sandbox: Sandbox) -> None:
    sandbox.world.reset(scenarios.get("approved"))
    assert "enough" in run("check", *P5).stdout


def test_a_closed_size_is_said_so(sandbox: Sandbox) -> None:
    sandbox.world.reset(scenarios.get("restricted"))
    done = run("check", "--instance-type", "Standard_NC24ads_A100_v4", "--region", "eastus", code=4)
    assert "closed" in done.stdout
    assert "NotAvailableForSubscription" in done.stderr.replace("\n", " ")


def test_expired_credentials_are_exit_code_five(sandbox: Sandbox) -> None:
    turn(sandbox, expired=True)
    with pytest.raises(ExpiredCredentialsError) as caught:
        run("check", *P5)
    assert caught.value.exit_code == 5


@pytest.mark.usefixtures("sandbox")
class TestPlan:
    @pytest.mark.long
    def test_the_best_way_is_a_single_request_and_the_next_command_asks_for_it(self) -> None:
        done = run("plan", "llama-2-70b", "--format", "json")
        best = json.loads(done.stdout)[0]
        assert best["ready"] == "after a request"
        assert len(best["requests"]) == 1
        command = done.stderr.replace("\n", " ")
        assert (
            f"planner quota request llama-2-70b --instance-type {best['instance_type']}" in command
        )

    @pytest.mark.long
    def test_the_table_fits_80_columns(self) -> None:
        done = run("plan", "llama-2-70b", "--top", "3")
        assert "1 request" in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= 80


@pytest.mark.long
def test_room_now_is_the_best_way(sandbox: Sandbox) -> None:
    sandbox.world.limits["aws", "us-west-2", "L-DB2E81BA", ()] = 192
    done = run("plan", "llama-2-70b", "--cloud", "aws", "--format", "json")
    best = json.loads(done.stdout)[0]
    assert (best["ready"], best["region"]) == ("now", "us-west-2")
    assert "There is room now" in done.stderr


class TestRequest:
    def test_it_shows_what_will_be_sent_and_asks_first(self, sandbox: Sandbox) -> None:
        done = CliRunner().invoke(
            cli, ["quota", "request", *P5], input="n\n", standalone_mode=False
        )
        text = done.stderr.replace("\n", " ")
        assert "192 vCPU = 1 x p5.48xlarge" in text
        assert 'QuotaCode: "L-417A185B"' in text
        assert "DesiredValue: 192.0" in text
        assert "Justification: We will" in text
        assert not sandbox.world.requests

    def test_a_dry_run_sends_nothing(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--dry-run")
        assert not sandbox.world.requests

    def test_yes_sends_and_a_second_time_it_is_found(self, sandbox: Sandbox) -> None:
        assert "#1 filed" in run("request", *P5, "--yes").stderr
        assert "#1 already open" in run("request", *P5, "--yes").stderr
        assert len(sandbox.world.requests) == 1

    def test_an_open_request_for_less_is_said_so(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--yes")
        done = run("request", *P5, "--instances", "2", "--yes", code=8)
        assert "waits for the open one" in done.stderr
        assert "less than 384" in done.stderr
        assert len(sandbox.world.requests) == 1

    def test_json_carries_the_request(self, sandbox: Sandbox) -> None:
        del sandbox
        (row,) = json.loads(run("request", *P5, "--yes", "--format", "json").stdout)
        assert (row["how"], row["state"], row["desired"]) == ("filed", "PENDING", 192)

    def test_room_already_is_nothing_to_ask_for(self, sandbox: Sandbox) -> None:
        sandbox.world.reset(scenarios.get("approved"))
        assert "nothing to ask for" in run("request", *P5, "--yes").stderr
        assert not sandbox.world.requests

    def test_a_closed_size_is_not_asked_for(self, sandbox: Sandbox) -> None:
        sandbox.world.reset(scenarios.get("restricted"))
        with pytest.raises(QuotaShortError, match="does not help"):
            run("request", "--instance-type", "Standard_NC24ads_A100_v4", "--region", "eastus")
        assert not sandbox.world.requests

    def test_google_is_not_asked_without_a_contact(self, sandbox: Sandbox) -> None:
        with pytest.raises(UsageError) as caught:
            run("request", "--instance-type", "a2-ultragpu-1g", "--region", "us-central1", "--yes")
        assert "--contact-email" in caught.value.advice
        assert not sandbox.world.requests

    def test_one_quota_by_its_id(self, sandbox: Sandbox) -> None:
        options = ("--cloud", "aws", "--region", "us-east-1", "--quota-id", "L-DB2E81BA")
        run("request", *options, "--to", "8", "--purpose", "to try a small GPU", "--yes")
        assert sandbox.world.requests[0].desired == 8

    def test_the_justification_can_be_edited(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del sandbox
        monkeypatch.setenv("EDITOR", "sed -i s/We/They/")
        assert "Justification: They will" in run("request", *P5, "--edit", "--dry-run").stderr

    def test_the_ticket_is_filed_by_the_requests_number(self, sandbox: Sandbox) -> None:
        sandbox.world.reset(scenarios.get("needs-human"))
        run("request", *NC, "--yes")
        run("status", code=8)
        contact = ("ada@example.com", "Ada", "Lovelace", "GBR")
        names = ("email", "first-name", "last-name", "country")
        options = [f"--contact-{n}={value}" for n, value in zip(names, contact, strict=True)]
        run("request", "--ticket", "1", *options, "--yes")
        assert len(sandbox.world.notes["azure-support"]) == 1
        with pytest.raises(UnknownNameError):
            run("request", "--ticket", "99", *options, "--yes")


class TestStatus:
    def test_nothing_filed_says_how_to_begin(self, sandbox: Sandbox) -> None:
        del sandbox
        assert "planner quota plan" in run("status").stderr

    def test_the_ledger_answers_offline_and_says_how_old_it_is(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--yes")
        sandbox.world.reset(scenarios.get("expired"))
        sandbox.world.calls.clear()
        done = run("status", "--offline", code=8)
        assert "PENDING" in done.stdout
        assert "just now" in done.stdout
        assert not sandbox.world.calls
        assert max(len(line) for line in done.stdout.splitlines()) <= 80

    def test_the_history_of_a_request_is_kept(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--yes")
        sandbox.world.clock.advance(timedelta(days=1))
        (row,) = json.loads(run("status", "--format", "json").stdout)
        seen = [(change["state"], change["native_state"]) for change in row["history"]]
        assert seen == [("PENDING", ""), ("PENDING", "PENDING"), ("APPROVED", "APPROVED")]

    def test_an_unreachable_cloud_leaves_the_last_word(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--yes")
        sandbox.world.reset(scenarios.get("expired"))
        done = run("status", code=8)
        assert "PENDING" in done.stdout
        assert "could not be asked about" in done.stderr

    @pytest.mark.parametrize(
        ("outcome", "words", "code"),
        [
            ("denied", "another region or accelerator: planner quota plan llama-2-70b", 9),
            ("partial", "use what was granted", 9),
            ("case-closed", "read and answer the case", 5),
        ],
    )
    def test_each_state_has_its_next_step(
        self, sandbox: Sandbox, outcome: str, words: str, code: int
    ) -> None:
        turn(sandbox, outcome=outcome)
        where = ("--instance-type", "g6.48xlarge", "--region", "us-east-1")
        run("request", "llama-2-70b", *where, "--yes")
        sandbox.world.clock.advance(timedelta(days=1))
        assert words in " ".join(run("status", code=code).stderr.split())

    @pytest.mark.long
    def test_a_denied_request_shows_other_ways_with_their_price(self, sandbox: Sandbox) -> None:
        turn(sandbox, outcome="denied")
        where = ("--instance-type", "g6.48xlarge", "--region", "us-east-1")
        run("request", "llama-2-70b", *where, "--yes")
        sandbox.world.clock.advance(timedelta(days=1))
        done = run("status", "--alternatives", code=9)
        assert "Other ways to run llama-2-70b" in done.stdout
        assert "$/hour" in done.stdout


class TestWatch:
    def test_nothing_open_is_said_so(self, sandbox: Sandbox) -> None:
        del sandbox
        assert "No request is open" in run("watch").stderr

    def test_it_follows_to_the_end_and_tells_of_changes(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        run("request", *P5, "--yes")
        turned = tmp_path / "turned"
        sandbox.world.scenario = replace(sandbox.world.scenario, latency_s=0)
        sandbox.world.clock.advance(timedelta(days=1))
        done = run("watch", "--interval", "1s", "--notify", f'echo "$PLANNER_STATE" >> {turned}')
        assert "APPROVED" in done.stdout
        assert "PENDING -> APPROVED" in " ".join(done.stderr.split())
        assert turned.read_text() == "APPROVED\n"

    def test_a_denial_ends_it_with_exit_code_nine(self, sandbox: Sandbox) -> None:
        turn(sandbox, outcome="denied")
        run("request", *P5, "--yes")
        sandbox.world.clock.advance(timedelta(days=1))
        assert "DENIED" in run("watch", "--interval", "1s", code=9).stdout

    @pytest.mark.long
    def test_it_gives_up_when_the_time_is_up(self, sandbox: Sandbox) -> None:
        turn(sandbox, outcome="never")
        run("request", *P5, "--yes")
        done = run("watch", "--interval", "1s", "--timeout", "1s", code=8)
        assert "PENDING" in done.stdout

    def test_a_failing_notification_does_not_stop_it(self, sandbox: Sandbox) -> None:
        run("request", *P5, "--yes")
        sandbox.world.clock.advance(timedelta(days=1))
        done = run("watch", "--interval", "1s", "--notify", "exit 3")
        assert "could not be delivered" in " ".join(done.stderr.split())


@pytest.mark.long
def test_no_account_number_or_secret_in_any_output(sandbox: Sandbox) -> None:
    turn(sandbox, outcome="denied")
    gce = ("--instance-type", "a2-ultragpu-1g", "--region", "us-central1")
    mail = ("--contact-email", "ada@example.com")
    text = ""
    for where in (P5, NC, gce):
        done = run("check", *where, "--format", "json", code=4)
        text += done.output
        text += run("request", *where, *mail, "--yes", "--format", "json").stdout
    sandbox.world.clock.advance(timedelta(days=1))
    text += run("status", code=9).output + run("status", "--format", "json", code=9).output
    denied = ("servicequotas:GetServiceQuota", "Microsoft.Compute/locations/usages/read")
    turn(sandbox, denied_actions=(*denied, "cloudquotas.quotas.get"))
    for where in (P5, NC, gce):
        text += run("check", *where, code=5).output
    for secret in ("123456789012", "00000000-0000", "11111111-2222", "ada@", "user/ada"):
        assert secret not in text
    assert "servicequotas:GetServiceQuota" in text


class TestCompareWithQuota:
    def compare(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            cli,
            ["compare", "llama-2-70b", "--cloud", "aws", "--with-quota", *arguments],
            standalone_mode=False,
            catch_exceptions=False,
        )

    def test_what_can_be_deployed_now_comes_first(self, sandbox: Sandbox) -> None:
        sandbox.world.limits["aws", "us-east-1", "L-417A185B", ()] = 96
        plans = json.loads(self.compare("--format", "json").stdout)["plans"]
        verdicts = [plan["quota"] for plan in plans]
        assert verdicts == sorted(verdicts)  # enough, then short
        assert {plan["quota_deployable"] for plan in plans if plan["quota"] == "enough"} == {True}
        enough = {plan["instance_type"] for plan in plans if plan["quota"] == "enough"}
        assert "p4de.24xlarge" in enough
        assert all(plan["quota_reason"] for plan in plans if plan["quota"] == "short")

    @pytest.mark.long
    def test_the_table_fits_80_columns(self, sandbox: Sandbox) -> None:
        del sandbox
        done = self.compare()
        assert "short" in done.stdout
        assert max(len(line) for line in done.stdout.splitlines()) <= 80
