"""Manifests pass the schemas of Kubernetes and of the controllers, and say what the plan says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_schemas import problems

from planner.endpoints import kubernetes
from planner.endpoints.deploying import deployment, vllm_command
from planner.endpoints.deploying.choices import Options
from planner.endpoints.kubernetes import nodes
from planner.endpoints.kubernetes.serving import Serving
from planner.endpoints.watching.guard import Guard
from planner.errors import NotFoundError, UsageError
from planner.planning import Request, compare
from planner.pricing import instance_types
from planner.pricing.catalog import Catalog
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

    from planner.endpoints.model import DeploymentSpec
    from planner.plan import Plan

OPTIONS = Options(owner="tests")
SCALING = Guard(most_instances=4)
MODELS = tuple(model.name for model in models.all_models())
SEVERAL = ("llama-3.1-405b", "gke")  # at its own precision no machine with A100 holds it


@cache
def catalog() -> Catalog:
    return Catalog()


@cache
def plan(model: str, cluster: str) -> Plan:
    """Return the cheapest plan of a model in a cluster, at the first precision that fits."""
    for precision in (None, "fp8", "int4"):
        request = Request(
            model,
            precision=precision,
            geo="all",
            services=(kubernetes.CLUSTERS[cluster],),
            accelerators=("A100",) if (model, cluster) == SEVERAL else (),
        )
        try:
            return kubernetes.choose(compare(request, catalog()).plans)
        except NotFoundError:
            continue
    pytest.skip(f"no machine of {cluster} holds {model}")


def spec(model: str = "llama-2-70b", cluster: str = "gke", **changes: Any) -> DeploymentSpec:
    return deployment.specify(
        plan(model, cluster), replace(OPTIONS, **changes), container_for=kubernetes.container
    )


def objects(made: DeploymentSpec) -> dict[str, dict[str, Any]]:
    return {item["kind"]: item for item in yaml.safe_load_all(kubernetes.emit(made))}


def pods(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    if "Deployment" in found:
        return [found["Deployment"]["spec"]["template"]["spec"]]
    group = found["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    return [group["leaderTemplate"]["spec"], group["workerTemplate"]["spec"]]


def every_manifest() -> Iterator[ParameterSet]:
    """Yield each model in each cluster, fixed and scaling; of eighteen, one is no long test."""
    for turn, model in enumerate(MODELS):
        ways = product(sorted(kubernetes.CLUSTERS), (Guard(), SCALING))
        for number, (cluster, guard) in enumerate(ways):
            marks = () if number == turn // 3 % 6 and turn % 3 == 0 else (pytest.mark.long,)
            kind = "scaling" if guard is SCALING else "fixed"
            yield pytest.param(model, cluster, guard, marks=marks, id=f"{model}-{cluster}-{kind}")


@pytest.mark.parametrize(("model", "cluster", "guard"), list(every_manifest()))
def test_every_model_in_every_cluster_passes_the_schemas(
    model: str, cluster: str, guard: Guard
) -> None:
    try:
        made = spec(model, cluster, guard=guard)
    except UsageError as error:
        # planner knows no weights of that precision, and says so on every cloud.
        assert "weights" in str(error)  # noqa: PT017 - most models have some
        return
    found = objects(made)
    assert [text for item in found.values() for text in problems(item)] == []


def test_the_schemas_notice_what_they_should() -> None:
    found = objects(spec(*SEVERAL, guard=SCALING))
    found["Service"]["spec"]["selectors"] = {}
    found["ScaledObject"]["spec"]["minReplicas"] = 1
    found["PodMonitor"]["spec"]["selector"] = "vllm"
    group = found["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    group["size"] = "two"
    group["workerTemplate"]["spec"]["containers"][0]["resource"] = {}
    told = " ".join(text for item in found.values() for text in problems(item))
    for word in ("selectors", "minReplicas", "'vllm'", "'two'", "'resource'"):
        assert word in told


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_the_file(tmp_path: Any) -> None:
    (tmp_path / "endpoint.yaml").write_text(kubernetes.emit(spec(*SEVERAL, guard=SCALING)))
    (tmp_path / "kustomization.yaml").write_text("resources: [endpoint.yaml]\n")
    done = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(list(yaml.safe_load_all(done.stdout))) == 7


@pytest.mark.parametrize("cluster", sorted(kubernetes.CLUSTERS))
def test_vllm_is_told_what_the_plan_says(cluster: str) -> None:
    made = spec(cluster=cluster, context=2048)
    (pod,) = pods(objects(made))
    (container,) = pod["containers"]
    flags = vllm_command.flags(made.plan, made.weights, 2048)
    assert container["args"][0] == flags.pop("model")
    assert {f"--{name}={value}" for name, value in flags.items()} <= set(container["args"])
    assert container["resources"]["limits"] == {
        "nvidia.com/gpu": str(made.plan.tensor_parallel * made.plan.pipeline_parallel)
    }
    assert pod["nodeSelector"]["node.kubernetes.io/instance-type"] == made.plan.instance_type


def test_pods_may_run_where_the_restricted_pod_security_standard_is_enforced() -> None:
    for pod in pods(objects(spec(*SEVERAL))):
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] != 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {kind for volume in pod["volumes"] for kind in volume} == {"name", "emptyDir"}


def test_selectors_find_the_pods_that_answer() -> None:
    found = objects(spec(*SEVERAL, guard=SCALING))
    leader, worker = (
        found["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"][name]["metadata"]["labels"]
        for name in ("leaderTemplate", "workerTemplate")
    )
    for wanted in (
        found["Service"]["spec"]["selector"],
        found["PodMonitor"]["spec"]["selector"]["matchLabels"],
    ):
        assert wanted.items() <= leader.items()
        assert not wanted.items() <= worker.items()
    everyone = found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert everyone.items() <= leader.items()
    assert everyone.items() <= worker.items()


def test_the_token_is_a_reference_and_only_gated_weights_have_it() -> None:
    (gated,) = pods(objects(spec()))
    (reference,) = [e for e in gated["containers"][0]["env"] if e["name"] == "HF_TOKEN"]
    assert reference["valueFrom"]["secretKeyRef"]["name"] == "huggingface-token"
    open_model = next(m.name for m in models.all_models() if m.gated == "no")
    (free,) = pods(objects(spec(open_model)))
    assert "HF_TOKEN" not in {e["name"] for e in free["containers"][0]["env"]}
    assert "Secret" not in objects(spec())


def test_nothing_comes_in_but_from_labelled_pods() -> None:
    rules = objects(spec())["NetworkPolicy"]["spec"]["ingress"]
    assert [rule["from"] for rule in rules] == [
        [{"podSelector": {"matchLabels": {"planner/client": "yes"}}}]
    ]


def test_several_machines_become_one_group_with_ranks() -> None:
    made = spec(*SEVERAL)
    serving = Serving.of(made)
    assert serving.pods == made.plan.instances > 1
    found = objects(made)
    assert found["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]["size"] == serving.pods
    leader, worker = (pod["containers"][0]["args"] for pod in pods(found))
    assert f"--nnodes={serving.pods}" in leader
    assert f"--nnodes={serving.pods}" in worker
    assert "--node-rank=0" in leader
    assert "--headless" not in leader
    assert {"--node-rank=$(LWS_WORKER_INDEX)", "--headless"} <= set(worker)


@pytest.mark.long
@given(shards=st.sampled_from([1, 2, 4, 8]), stages=st.integers(1, 16), cards=st.integers(1, 8))
def test_the_cards_of_a_copy_are_dealt_out_evenly_and_fit_their_machines(
    shards: int, stages: int, cards: int
) -> None:
    per_machine = shards * cards
    machines = -(-stages // cards)
    base = plan("llama-2-70b", "gke")
    wide = replace(
        base, tensor_parallel=shards, pipeline_parallel=stages, accelerator_count=per_machine
    )
    made = replace(spec(), plan=replace(wide, instances=machines))
    serving = Serving.of(made)
    assert serving.pods * serving.gpus == shards * stages
    assert serving.gpus <= per_machine
    assert serving.gpus % shards == 0
    assert serving.nodes == machines


def test_each_copy_on_a_machine_is_a_pod() -> None:
    half = replace(plan("llama-2-70b", "gke"), tensor_parallel=4, pipeline_parallel=1, replicas=2)
    assert half.accelerator_count == 8
    made = replace(spec(), plan=half)
    serving = Serving.of(made)
    assert (serving.gpus, serving.replicas, serving.nodes) == (4, 2, 1)
    deployment = objects(made)["Deployment"]["spec"]
    assert deployment["replicas"] == 2
    (container,) = deployment["template"]["spec"]["containers"]
    assert not [word for word in container["args"] if "data-parallel" in word]


def test_instances_are_copies_and_the_price_is_theirs() -> None:
    made = spec(instances=3)
    found = objects(made)
    one = plan("llama-2-70b", "gke").on_demand_hourly_usd
    assert one is not None
    assert found["Deployment"]["spec"]["replicas"] == 3
    assert found["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    assert f"${one * Decimal(3):,.2f} an hour" in kubernetes.emit(made)


def test_scaling_goes_from_what_was_asked_to_the_most() -> None:
    made = spec(instances=2, guard=Guard(least_instances=1, most_instances=5))
    found = objects(made)
    scaled = found["ScaledObject"]["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 5)
    assert "replicas" not in found["Deployment"]["spec"]
    (trigger,) = scaled["triggers"]
    assert "vllm:num_requests_waiting" in trigger["metadata"]["query"]
    held = made.plan.kv_cache_tokens_low // 4096
    assert int(trigger["metadata"]["threshold"]) == min(256, held)
    assert "--total-max-nodes 5" in kubernetes.emit(made)


@pytest.mark.parametrize("cluster", sorted(kubernetes.CLUSTERS))
def test_the_nodes_disk_holds_the_pods_that_share_it(cluster: str) -> None:
    serving = Serving.of(spec(cluster=cluster))
    weights = serving.spec.weights.size_gb
    assert weights is not None
    assert serving.cache_gb > weights
    assert nodes.disk_gb(serving) > serving.cache_gb / serving.share


@pytest.mark.parametrize("cluster", sorted(kubernetes.CLUSTERS))
def test_the_head_says_price_date_source_and_how_to_be_rid_of_it(cluster: str) -> None:
    made = spec(cluster=cluster)
    text = kubernetes.emit(made)
    head = " ".join(line.removeprefix("#").strip() for line in text.split("---")[0].splitlines())
    price = made.plan.on_demand_hourly_usd
    assert f"${price:,.2f} an hour" in head
    assert f"as of {made.plan.as_of}" in head
    assert made.plan.source[:40].split(":")[0] in head.replace(" ", "") or made.plan.source in head
    assert nodes.removal(Serving.of(made))[0].split(" --")[0] in head
    assert max(len(line) for line in text.split("\n---")[0].splitlines()) <= 100


def test_every_machine_of_gke_has_a_name_for_its_cards() -> None:
    for item in instance_types.bundled():
        # Machines with Arm processors (GB200) are passed over: the image is for x64.
        if item.service == "gce" and not item.accelerator.startswith("GB"):
            made = replace(
                spec(),
                plan=replace(
                    plan("llama-2-70b", "gke"),
                    instance_type=item.instance_type,
                    accelerator_count=8,
                ),
            )
            label = nodes.selector(Serving.of(made))["cloud.google.com/gke-accelerator"]
            assert label.startswith("nvidia-")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"engine": "tgi"}, "tgi"),
        ({"weights": "s3://bucket/llama/"}, "S3"),
        ({"machine_image": "al2"}, "machine-image"),
        ({"name": "Llama"}, "Llama"),
        ({"name": "l" * 41}, "called"),
        ({"guard": Guard(least_instances=0)}, "none"),
        ({"guard": Guard(idle=timedelta(hours=1))}, "alarms"),
        ({"guard": Guard(budget_usd=5)}, "budgets"),
    ],
)
def test_what_a_cluster_does_not_do_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        kubernetes.emit(spec(**changes))


def test_cards_of_other_makers_are_passed_over() -> None:
    ours = plan("llama-2-70b", "aks")
    theirs = replace(ours, accelerator="MI300X")
    shared = replace(ours, accelerator="A10", accelerator_count=0.5)
    assert kubernetes.choose([theirs, shared, ours]) is ours
    with pytest.raises(NotFoundError, match="vLLM's image"):
        kubernetes.choose([theirs, shared])
