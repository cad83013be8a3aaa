"""A short load test of an endpoint, through LLMeter, beside what planner predicted.

LLMeter (awslabs) runs the clients and takes the times; planner gives it an endpoint that talks
through the adapter's own transport, so that every cloud is measured in the same way.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from planner.endpoints.talking import capacity_search
from planner.endpoints.talking.client import events, text_of
from planner.errors import CloudError, NotFoundError, PlannerError
from planner.pricing import instance_types
from planner.serving import accelerators, models, setups
from planner.serving.load import LoadShape, Question
from planner.serving.memory import EngineSettings
from planner.serving.speed.measurements import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.endpoints.interface import Transport
    from planner.endpoints.model import Endpoint
    from planner.serving.accelerators import Accelerator
    from planner.serving.load import Targets
    from planner.serving.speed.predict import Throughput

_TIMEOUT_S = 300
_WORD = "The quick brown fox jumps over the lazy dog. "
_WORDS_PER_TOKEN = 0.75


@dataclass(frozen=True, slots=True)
class Load:
    """What one concurrency gave.

    Attributes:
        tokens_per_second: Output tokens, all requests together.
        ttft_p50_ms: Time to first token; ``p95`` is the slowest twentieth.
        tpot_p50_ms: Time per output token after the first; ``p95`` likewise.
        failed: Requests that got no answer.
        predicted: What planner expects of this set-up; None where it cannot say.
    """

    concurrency: int
    requests: int
    failed: int
    input_tokens: float | None
    output_tokens: float | None
    tokens_per_second: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    tpot_p50_ms: float | None
    tpot_p95_ms: float | None = None
    predicted: Throughput | None = None

    @property
    def off_percent(self) -> float | None:
        """Return how far the measured speed is from the prediction: -10 is a tenth below it."""
        if self.predicted is None or self.tokens_per_second is None:
            return None
        return 100 * (self.tokens_per_second / self.predicted.tokens_per_second - 1)


def run(
    endpoint: Endpoint,
    transport: Transport,
    *,
    concurrencies: Sequence[int],
    requests: int,
    input_tokens: int,
    output_tokens: int,
    targets: Targets | None = None,
) -> list[Load]:
    """Load an endpoint at several concurrencies, one after the other.

    Args:
        endpoint: What is measured.
        transport: The way there.
        concurrencies: Clients at once.
        requests: Of each client.
        input_tokens: Prompt length, roughly: the engine's own count is reported.
        output_tokens: Longest answer.
        targets: Look for the most clients within these, up to the largest of the concurrencies.

    Raises:
        PlannerError: LLMeter is not installed, or nothing was answered.
    """
    client = _endpoint(endpoint, transport)
    prompt = (_WORD * (input_tokens // 9 + 1)).split()[: int(input_tokens * _WORDS_PER_TOKEN) or 1]
    payload = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": " ".join(prompt)}],
        "max_tokens": output_tokens,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    def measure(clients: int) -> Load:
        return _load(
            endpoint,
            client,
            payload,
            clients=clients,
            requests=requests,
            predicted=predict(endpoint, clients, input_tokens, output_tokens),
        )

    if targets is not None:
        return capacity_search.find(measure, targets, max(concurrencies))
    return [measure(clients) for clients in concurrencies]


def measurement(endpoint: Endpoint, load: Load, now: datetime) -> Measurement:
    """Return a load as a row like those of ``pricing_data/measurements.csv``.

    Raises:
        NotFoundError: The machine is not known, or nothing was answered.
    """
    cards = _cards(endpoint)
    if cards is None or load.tokens_per_second is None:
        raise NotFoundError(f"{endpoint.instance_type} has no figures to keep")
    return Measurement(
        model=endpoint.model,
        accelerator=cards.accelerator.accelerator,
        precision=endpoint.precision,
        engine=cards.engine,
        tensor_parallel=None,
        pipeline_parallel=None,
        accelerator_count=cards.count,
        input_tokens=None if load.input_tokens is None else round(load.input_tokens),
        output_tokens=None if load.output_tokens is None else round(load.output_tokens),
        concurrency=load.concurrency,
        tokens_per_second=round(load.tokens_per_second, 2),
        ttft_ms=load.ttft_p50_ms,
        tpot_ms=load.tpot_p50_ms,
        scenario="serving",
        software="",
        basis="measured",
        measured_model=endpoint.model,
        as_of=now.date().isoformat(),
        source=f"planner bench {endpoint.name} ({endpoint.service} {endpoint.region})",
        unusable="",
        notes=f"{load.requests - load.failed} requests over the network, LLMeter",
    )


def _load(
    endpoint: Endpoint,
    client: Any,  # noqa: ANN401 - LLMeter's endpoint
    payload: dict[str, Any],
    *,
    clients: int,
    requests: int,
    predicted: Throughput | None,
) -> Load:
    from llmeter.runner import Runner

    result = asyncio.run(
        Runner(
            endpoint=client,
            payload=payload,
            clients=clients,
            n_requests=requests,
            timeout=_TIMEOUT_S,
            disable_clients_progress_bar=True,
            disable_per_client_progress_bar=True,
        ).run()
    )
    answered = [item for item in result.responses if not item.error]
    if not answered:
        why = next((item.error for item in result.responses if item.error), "no answer")
        raise CloudError(
            f"{endpoint.name} answered none of {clients * requests} requests",
            why=str(why),
            advice=f"planner logs {endpoint.name}",
        )
    tokens = [item.num_tokens_output for item in answered if item.num_tokens_output]
    prompts = [item.num_tokens_input for item in answered if item.num_tokens_input]
    first = [1000 * item.time_to_first_token for item in answered if item.time_to_first_token]
    per_token = [
        1000 * item.time_per_output_token for item in answered if item.time_per_output_token
    ]
    return Load(
        concurrency=clients,
        requests=len(result.responses),
        failed=len(result.responses) - len(answered),
        input_tokens=sum(prompts) / len(prompts) if prompts else None,
        output_tokens=sum(tokens) / len(tokens) if tokens else None,
        tokens_per_second=sum(tokens) / result.total_test_time if tokens else None,
        ttft_p50_ms=_round(median(first)) if first else None,
        ttft_p95_ms=_round(_p95(first)) if first else None,
        tpot_p50_ms=_round(median(per_token)) if per_token else None,
        tpot_p95_ms=_round(_p95(per_token)) if per_token else None,
        predicted=predicted,
    )


def predict(
    endpoint: Endpoint, concurrency: int, input_tokens: int, output_tokens: int
) -> Throughput | None:
    """Return what planner expects of an endpoint under a load; None where it cannot say."""
    cards = _cards(endpoint)
    if cards is None or not endpoint.precision:
        return None
    try:
        return setups.at(
            models.get(endpoint.model),
            cards.accelerator,
            count=cards.count,
            question=Question(
                endpoint.precision,
                LoadShape(input_tokens, output_tokens),
                settings=EngineSettings(cards.engine),
            ),
            requests=concurrency,
        ).throughput
    except PlannerError:
        return None


@dataclass(frozen=True, slots=True)
class _Cards:
    """What computes behind an endpoint."""

    accelerator: Accelerator
    count: int
    engine: str = "vllm"


def _cards(endpoint: Endpoint) -> _Cards | None:
    """Return the cards of an endpoint; None where they are not known, or it has none."""
    if endpoint.service == "local":
        from planner.endpoints.local import machine, record

        here, written = machine.detect(), record.read(endpoint.name)
        if here.accelerator is None or written is None:
            return None
        return _Cards(here.accelerator, here.count, written.engine)
    item = instance_types.bundled().find(endpoint.service, endpoint.instance_type)
    if item is None or item.accelerator_count < 1:
        return None
    card = accelerators.get(item.accelerator, item.interconnect)
    return _Cards(card, int(item.accelerator_count) * endpoint.instances)


def _endpoint(endpoint: Endpoint, transport: Transport) -> Any:  # noqa: ANN401 - LLMeter's type
    """Return LLMeter's view of an endpoint.

    Raises:
        PlannerError: LLMeter is not installed.
    """
    # LLMeter draws progress bars by default; planner shows its own.
    os.environ.setdefault("LLMETER_DISABLE_ALL_PROGRESS_BARS", "1")
    try:
        from llmeter.endpoints.base import Endpoint as Base
    except ModuleNotFoundError as error:
        raise PlannerError(
            "planner bench needs LLMeter",
            why=str(error),
            advice="pip install 'gpu-planner[bench]'",
        ) from error

    # It logs a traceback per failed request; planner counts them.
    logging.getLogger("llmeter").setLevel(logging.CRITICAL)

    class PlannerEndpoint(Base):  # type: ignore[misc]  # LLMeter is untyped
        def __init__(self) -> None:
            super().__init__(
                endpoint_name=endpoint.name, model_id=endpoint.model, provider=endpoint.service
            )

        @Base.llmeter_invoke  # type: ignore[untyped-decorator]  # as above
        def invoke(self, payload: dict[str, Any]) -> Any:  # noqa: ANN401 - LLMeter's signature
            return transport.stream(payload)

        def process_raw_response(self, raw: Any, start_t: float, response: Any) -> None:  # noqa: ANN401 - as above
            text: list[str] = []
            for event in events(raw):
                piece = text_of(event)
                if piece:
                    if not text:
                        response.time_to_first_token = time.perf_counter() - start_t
                    text.append(piece)
                usage = event.get("usage") or {}
                response.num_tokens_input = usage.get("prompt_tokens", response.num_tokens_input)
                response.num_tokens_output = usage.get(
                    "completion_tokens", response.num_tokens_output
                )
            response.response_text = "".join(text)
            response.time_to_last_token = time.perf_counter() - start_t

    return PlannerEndpoint()


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _round(value: float) -> float:
    return round(value, 1)
