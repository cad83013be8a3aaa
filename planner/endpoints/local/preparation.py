"""From a model and this machine to a deployment that is ready to start, or to what is missing."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.endpoints.deploying import access, containers, deployment, preflight, vllm_command
from planner.endpoints.deploying.preflight import Finding, Status, good
from planner.endpoints.local import engines
from planner.endpoints.model import Container, DeploymentSpec, Endpoint, Weights
from planner.errors import NoCredentialsError, NotFoundError, UsageError
from planner.plan import Plan
from planner.pricing import owned
from planner.pricing.cost import monthly
from planner.serving import layouts, memory, setups
from planner.serving.memory import fit as fitting

if TYPE_CHECKING:
    from decimal import Decimal

    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.local.engines import Engine
    from planner.endpoints.local.machine import Machine
    from planner.endpoints.local.source import Source
    from planner.ledger import Ledger
    from planner.serving.memory.fit import Fit
    from planner.serving.speed.predict import Throughput

REGION = "local"
_SMALLER = ("fp8", "int8", "int4")
# The system and other programs keep theirs: the CPU's engine gets what is left.
_HOST_SHARE = 0.8
_INPUT_TOKENS = 1024
_DEFAULT_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks of this machine, beside the deploy options.

    Attributes:
        precision: None for the largest that fits.
        concurrency: Requests at once.
        purchase_usd: Of one card; with ``usd_per_kwh`` it gives the cost of an hour.
    """

    precision: str | None = None
    concurrency: int = 1
    purchase_usd: Decimal | None = None
    usd_per_kwh: Decimal | None = None
    amortization_months: int = 36


@dataclass(frozen=True, slots=True)
class Question:
    """Whether and how this machine can serve a model."""

    source: Source
    machine: Machine
    options: deployment.Options
    wish: Wish = Wish()

    @property
    def context(self) -> int:
        """Return the tokens of one request."""
        return self.options.context or min(_DEFAULT_CONTEXT, self.source.model.max_context)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A precision with its weights, and whether it fits."""

    precision: str
    weights: Weights
    fits: bool
    reason: str
    tokens: int
    fit: Fit | None = None


def prepare(question: Question, adapter: EndpointAdapter, ledger: Ledger) -> deployment.Prepared:
    """Look at everything that could stand in the way; nothing is made.

    Raises:
        UsageError: The name cannot be used, or no weights of that precision are known.
    """
    source, machine, options = question.source, question.machine, question.options
    choice = _choose(question)
    found = _engine(choice.weights.location, options.engine)
    spec = _specify(question, choice, found)
    deployment.check_name(spec.name, adapter.longest_name)
    checks = [
        preflight.Check("machine", lambda: _machine(machine)),
        preflight.Check("engine", lambda: _has_engine(spec, found, machine)),
        preflight.Check("fit", lambda: _fits(question, choice)),
    ]
    if not source.here:
        # Who has the files on the machine already has been asked for both when getting them.
        licence = access.checks(spec, source.model, accepted=options.accept_license)
        checks += [check for check in licence if check.name == "licence"]
        checks.append(preflight.Check("token", lambda: _token(spec)))
    existing = adapter.find(spec.name, REGION)
    return deployment.Prepared(
        spec=spec,
        findings=tuple(preflight.run(checks)),
        existing=existing,
        differences=_differences(spec, existing, adapter),
        typical_s=deployment.typical_start_s(ledger, spec),
    )


def _choose(question: Question) -> _Choice:
    """Return the first precision that fits, largest first; else the last one tried."""
    source, wish = question.source, question.wish
    stored = source.precision
    if stored and wish.precision and wish.precision != stored:
        raise UsageError(
            f"these weights are {stored}, not {wish.precision}",
            why=f"{source.weights} holds {source.weights_bytes or 0:,} bytes",
            advice="leave --precision out, or name other --weights",
        )
    own = source.model.precision(wish.precision)
    asked = stored or wish.precision
    candidates = (asked,) if asked else tuple(dict.fromkeys((own, *_SMALLER)))
    tried: list[_Choice] = []
    for precision in candidates:
        try:
            weights = _weights(question, precision)
        except UsageError:
            if asked:
                raise
            continue  # no such checkpoint is known: planner does not quantize models itself
        tried.append(_try(question, precision, weights))
        if tried[-1].fits:
            return tried[-1]
    return tried[-1]


def _weights(question: Question, precision: str) -> Weights:
    source = question.source
    location = source.weights
    if not source.here:
        return containers.weights_for(source.model, precision, location)
    size = memory.weight_bytes(source.model, precision)
    return Weights(location, size_gb=(source.weights_bytes or size) / 1e9)


def _try(question: Question, precision: str, weights: Weights) -> _Choice:
    machine, context = question.machine, question.context
    if machine.accelerator is None:
        return _try_cpu(question, precision, weights)
    asked = layouts.Question(
        precision,
        layouts.LoadShape(_INPUT_TOKENS, _INPUT_TOKENS),
        context=context,
        concurrency=question.wish.concurrency,
        most_replicas=1 if engines.is_gguf(weights.location) else None,
    )
    model, card = question.source.model, machine.accelerator
    layout = layouts.best(model, card, machine.count, asked)
    fit = fitting.fit(
        model,
        card,
        count=machine.count,
        precision=precision,
        context=context,
        concurrency=question.wish.concurrency,
        host_memory_gib=machine.memory_bytes / memory.GIB,
        tensor_parallel=layout.tensor_parallel if layout else None,
        pipeline_parallel=layout.pipeline_parallel if layout else None,
        replicas=layout.replicas if layout else 1,
    )
    return _Choice(fit.precision, weights, fit.fits, fit.reason, fit.kv_cache_tokens, fit)


def _try_cpu(question: Question, precision: str, weights: Weights) -> _Choice:
    """Decide as :mod:`planner.serving.memory.fit` does, with the host's memory as the card's."""
    model, context = question.source.model, question.context
    budget = question.machine.memory_bytes * _HOST_SHARE
    tokens = memory.Footprint.of(model, precision).kv_tokens(budget, memory.Split(1), context)
    fits = tokens >= context * question.wish.concurrency
    size = memory.weight_bytes(model, precision) / memory.GIB
    reason = (
        f"weights {size:.2f} GiB; {budget / memory.GIB:.1f} GiB of memory hold "
        f"{tokens:,} tokens besides: {'yes' if fits else 'no'}"
    )
    return _Choice(precision, weights, fits, reason, tokens)


def _engine(weights: str, wanted: str) -> Engine | None:
    kind = engines.needed_for(weights)
    found = [item for item in engines.installed() if item.name == kind]
    exact = [item for item in found if wanted == item.how]
    return next(iter([*exact, *found]), None)


def _specify(question: Question, choice: _Choice, engine: Engine | None) -> DeploymentSpec:
    source, options = question.source, question.options
    if options.engine_arguments and engines.is_gguf(choice.weights.location):
        raise UsageError(
            "--engine-arg and --lora are vLLM's, and GGUF files are served by llama.cpp",
            advice="a Hugging Face id as --weights",
        )
    plan = _plan(question, choice)
    moment = datetime.now(UTC).replace(microsecond=0)
    gated = choice.weights.gated and not source.here
    return DeploymentSpec(
        name=options.name or _name(plan.model),
        plan=plan,
        weights=replace(choice.weights, gated=gated),
        container=Container(
            engine=engine.name if engine else "",
            version=engine.version if engine else "",
            image=f"{engine.how} {engine.version}".strip() if engine else "",
            environment={"concurrency": str(question.wish.concurrency)},
            arguments=options.engine_arguments,
        ),
        owner=options.owner,
        context=question.context,
        run=secrets.token_hex(4),
        expires_at=None if options.life is None else moment + options.life,
        token=access.token_for(replace(choice.weights, gated=gated), region=REGION),
        startup_timeout_s=containers.startup_timeout_s(choice.weights),
    )


def _plan(question: Question, choice: _Choice) -> Plan:
    machine = question.machine
    card, fit = machine.accelerator, choice.fit
    speed, hourly = _speed(question, choice), _hourly(question)
    return Plan(
        model=question.source.model.name,
        cloud="local",
        service="local",
        region=REGION,
        instance_type=machine.title,
        accelerator=card.accelerator if card else "CPU",
        accelerator_count=machine.count or 1,
        instances=1,
        precision=choice.precision,
        tensor_parallel=fit.tensor_parallel if fit else 1,
        pipeline_parallel=fit.pipeline_parallel if fit else 1,
        fits=choice.fits,
        fit_reason=choice.reason,
        warnings=fit.warnings if fit else (),
        kv_cache_tokens=choice.tokens,
        kv_cache_tokens_low=fit.kv_cache_tokens_low if fit else choice.tokens,
        kv_cache_tokens_high=fit.kv_cache_tokens_high if fit else choice.tokens,
        replicas=fit.replicas if fit else 1,
        context=question.context,
        on_demand_hourly_usd=hourly,
        on_demand_monthly_usd=None if hourly is None else monthly(hourly),
        committed_1y_hourly_usd=None,
        committed_1y_monthly_usd=None,
        committed_1y_upfront_usd=None,
        committed_1y_kind=None,
        committed_1y_payment_option=None,
        committed_1y_basis=None,
        saving_percent=None,
        break_even_hours_per_month=None,
        tokens_per_second=speed.tokens_per_second if speed else None,
        tokens_per_second_low=speed.tokens_per_second_low if speed else None,
        tokens_per_second_high=speed.tokens_per_second_high if speed else None,
        throughput_basis=speed.throughput_basis if speed else "unvalidated",
        throughput_source=speed.source if speed else "",
        throughput_software=speed.software if speed else "",
        usd_per_million_tokens=None,
        committed_1y_usd_per_million_tokens=None,
        on_demand_confidence=None,
        committed_1y_confidence=None,
        as_of=datetime.now(UTC).date(),
        source="your own figures" if hourly is not None else "",
        committed_1y_as_of=None,
        committed_1y_source="",
        note="",
    )


def _hourly(question: Question) -> Decimal | None:
    """Return what an hour costs by the user's own figures; None without them."""
    machine, wish = question.machine, question.wish
    if machine.accelerator is None:
        return None
    one = owned.hourly(
        purchase_usd=wish.purchase_usd,
        amortization_months=wish.amortization_months,
        watts=machine.accelerator.tdp_w,
        usd_per_kwh=wish.usd_per_kwh,
    )
    return None if one is None else one * machine.count


def _speed(question: Question, choice: _Choice) -> Throughput | None:
    """Return the predicted speed; planner's measurements know no CPU and no llama.cpp."""
    machine = question.machine
    if machine.accelerator is None or engines.is_gguf(choice.weights.location):
        return None
    with suppress(NotFoundError):
        asked = layouts.Question(choice.precision, layouts.LoadShape(_INPUT_TOKENS, _INPUT_TOKENS))
        fit = choice.fit
        split = memory.Split(fit.tensor_parallel, fit.pipeline_parallel) if fit else None
        return setups.at(
            question.source.model,
            machine.accelerator,
            count=machine.count,
            question=asked,
            requests=None,
            split=split,
        ).throughput
    return None


def _name(model: str) -> str:
    short = "".join(c if c.isalnum() and c.isascii() else "-" for c in model.lower())
    return short.strip("-") or "model"


def _machine(machine: Machine) -> Finding:
    if machine.note:
        return Finding("machine", Status.WARNING, f"{machine.title}: {machine.note}")
    return good("machine", machine.title)


def _has_engine(spec: DeploymentSpec, engine: Engine | None, machine: Machine) -> Finding:
    if engine is not None:
        text = f"{engine.name}, {engine.how}" if engine.name != engine.how else engine.name
        return good("engine", f"{text} {engine.version}".strip())
    kind = engines.needed_for(spec.weights.location)
    return Finding(
        "engine",
        Status.BAD,
        f"{spec.weights.location} needs {kind}, which is not installed here",
        engines.install_command(kind, gpu=machine.accelerator is not None),
        NotFoundError,
    )


def _fits(question: Question, choice: _Choice) -> Finding:
    model = question.source.model.name
    if choice.fits:
        return good("fit", f"{choice.precision}: {choice.reason}")
    smaller = f"--context {max(1, choice.tokens // question.wish.concurrency)}"
    return Finding(
        "fit",
        Status.BAD,
        f"{model} at {choice.precision}: {choice.reason}",
        smaller if choice.tokens else f"planner compare {model}",
        NotFoundError,
    )


def _token(spec: DeploymentSpec) -> Finding:
    if not spec.weights.gated:
        return good("token", f"not needed: {spec.weights.location} is open")
    if spec.token is not None:
        return good("token", "HF_TOKEN, handed to the engine in its environment")
    return Finding(
        "token",
        Status.BAD,
        f"{spec.weights.location} is gated: Hugging Face wants the token of someone who "
        "accepted its licence there",
        "export HF_TOKEN=..., or --weights FILE-OR-FOLDER with a copy of it",
        NoCredentialsError,
    )


def _differences(
    spec: DeploymentSpec, existing: Endpoint | None, adapter: EndpointAdapter
) -> tuple[tuple[str, str, str], ...]:
    if existing is None:
        return ()
    now, then = adapter.settings(existing), spec.settings
    return tuple(
        (name, now.get(name, ""), then.get(name, ""))
        for name in sorted({*now, *then})
        if now.get(name, "") != then.get(name, "")
    )


def serving(spec: DeploymentSpec) -> engines.Serving:
    """Return what the engine is asked to serve."""
    return engines.Serving(
        weights=spec.weights.location,
        alias=spec.plan.model,
        context=spec.context,
        parallel=int(spec.container.environment["concurrency"]),
        gpu=spec.plan.accelerator != "CPU",
        flags=vllm_command.of(spec),
    )
