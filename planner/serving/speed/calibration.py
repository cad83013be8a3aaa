"""Fit the throughput model to the measurements. For maintainers: needs NumPy and SciPy.

Three stages, each deterministic: (1) the roofline's six rates for each family, pooled over its
accelerators, then for each accelerator with the pooled rates as prior, by robust least squares on
log ratios; (2) the kernel of the correction, one for all families, by marginal likelihood of the
residuals; (3) the weight of each point. ``holdout`` repeats (1) and (3) with data left out.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import least_squares, minimize

from planner.errors import PlannerError
from planner.serving import accelerators, models
from planner.serving.speed import residuals, roofline
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from planner.serving.speed.measurements import Measurement

    Array = npt.NDArray[np.float64]

REGIMES = {
    "static-batch": "static-batch",
    "static-batch-max": "max-load",
    "max-load": "max-load",
    "serving": "serving",
    "virtual-users": "virtual-users",
}

_RATES = tuple(field.name for field in dataclasses.fields(roofline.Rates))
_START = np.log([0.5, 0.7, 0.5, 10e-6, 20e-6, 8e-6])
_START_SPREAD = np.array([0.5, 0.3, 0.8, 1.5, 1.5, 1.0])
# Accelerators of one family differ least in bandwidth efficiency, most in fixed overheads.
_ACCELERATOR_SPREAD = 0.4 * np.array([0.6, 0.3, 1.0, 1.5, 1.5, 1.5])
_LOWEST = np.log([0.02, 0.2, 0.02, 1e-8, 1e-8, 1e-7])
_HIGHEST = np.log([1.0, 1.05, 1.0, 1e-3, 1e-2, 3e-4])
_LOG_SCATTER = 0.1  # residuals beyond this count linearly, not squared
_WINSOR = 0.6  # residuals beyond this teach the correction no more than this
# Scales in the order of ``residuals.SCALES``, then family, accelerator, model, noise.
_KERNEL_START = np.log([2.8, 1.0, 1.1, 1.0, 0.7, 3.0, 0.1, 0.16, 0.07, 0.045])
_KERNEL_SPREAD = 0.7


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement that can be fitted."""

    family: str
    workload: Workload
    concurrency: int
    tokens_per_second: float
    measurement: Measurement

    @property
    def accelerator(self) -> str:
        """The accelerator's name."""
        return self.workload.accelerator.name

    @property
    def model(self) -> str:
        """The model's name."""
        return self.workload.model.name


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """The rates and correction of one family, from the cases it was given."""

    pooled: roofline.Rates
    rates: Mapping[str, roofline.Rates]
    cases: tuple[Case, ...]
    weights: Array


def cases(rows: Iterable[Measurement]) -> tuple[list[Case], Counter[str]]:
    """Return the measurements that can be fitted, and why the others cannot, counted."""
    kept: list[Case] = []
    dropped: Counter[str] = Counter()
    for row in rows:
        try:
            kept.append(_case(row))
        except _UnusableError as reason:
            dropped[str(reason)] += 1
    return kept, dropped


def by_family(items: Iterable[Case]) -> dict[str, list[Case]]:
    """Return the cases of each family, families by name."""
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for item in items:
        groups[item.family].append(item)
    return dict(sorted(groups.items()))


def fit_family(items: Sequence[Case], kernel: residuals.Kernel) -> FamilyFit:
    """Fit one family: its rates, then the weights of its points."""
    pooled, rates = fit_rates(items)
    residuals = np.clip(_log_rates(items) - base(items, pooled, rates), -_WINSOR, _WINSOR)
    weights, _ = _solve(covariance(items, items, kernel), kernel.noise, residuals)
    return FamilyFit(pooled, rates, tuple(items), weights)


def predict(fit: FamilyFit, items: Sequence[Case], kernel: residuals.Kernel) -> Array:
    """Return the log tokens per second that a fit expects."""
    roof = base(items, fit.pooled, fit.rates)
    corrected: Array = roof + covariance(items, fit.cases, kernel) @ fit.weights
    return corrected


def fit_kernel(families: Mapping[str, Sequence[Case]]) -> residuals.Kernel:
    """Return the kernel under which the residuals of all families are most likely.

    A weak prior around the start keeps scales that the data does not speak about.
    """
    blocks = []
    for items in families.values():
        pooled, rates = fit_rates(items)
        residuals = np.clip(_log_rates(items) - base(items, pooled, rates), -_WINSOR, _WINSOR)
        blocks.append((items, residuals))

    def cost(values: Array) -> float:
        kernel = _kernel(values)
        total = 0.5 * float((((values - _KERNEL_START) / _KERNEL_SPREAD) ** 2).sum())
        for items, residuals in blocks:
            weights, factor = _solve(covariance(items, items, kernel), kernel.noise, residuals)
            total += 0.5 * float(residuals @ weights) + float(np.log(np.diag(factor)).sum())
        return total

    found = minimize(cost, _KERNEL_START, method="L-BFGS-B", options={"maxiter": 20})
    return _kernel(found.x)


def fit_rates(
    items: Sequence[Case],
) -> tuple[roofline.Rates, dict[str, roofline.Rates]]:
    """Return a family's pooled rates, and the rates of each of its accelerators."""
    pooled = _fit(items, _START, _START_SPREAD)
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for item in items:
        groups[item.accelerator].append(item)
    own = {name: _fit(group, pooled, _ACCELERATOR_SPREAD) for name, group in groups.items()}
    return _rates(pooled), {name: _rates(values) for name, values in sorted(own.items())}


def base(
    items: Sequence[Case], pooled: roofline.Rates, rates: Mapping[str, roofline.Rates]
) -> Array:
    """Return the log tokens per second of the plain roofline."""
    result = np.zeros(len(items))
    names = np.array([item.accelerator for item in items])
    for name in sorted(set(names)):
        here = names == name
        load = _stack([item for item in items if item.accelerator == name])
        result[here] = np.log(roofline.tokens_per_second(load, rates.get(name, pooled)))
    return result


def covariance(left: Sequence[Case], right: Sequence[Case], kernel: residuals.Kernel) -> Array:
    """Return the covariance of residuals; the same function as ``residuals.correction`` sums."""
    scales = np.array(kernel.scales)
    a = np.array([residuals.features(c.workload, c.concurrency) for c in left]) / scales
    b = np.array([residuals.features(c.workload, c.concurrency) for c in right]) / scales
    apart = (a[:, None, :] - b[None, :, :]) ** 2
    near = np.exp(-0.5 * apart[..., :4].sum(-1))
    alike = np.exp(-0.5 * apart[..., 4:].sum(-1))
    accelerator = _same([c.accelerator for c in left], [c.accelerator for c in right])
    model = accelerator * _same([c.model for c in left], [c.model for c in right])
    size = alike * (kernel.family**2 + accelerator * kernel.accelerator**2)
    covered: Array = near * (size + model * kernel.model**2)
    return covered


def first_token_exponent(
    families: Mapping[str, Sequence[Case]], fits: Mapping[str, FamilyFit]
) -> tuple[float, float]:
    """Return the power of concurrency that queueing adds to the time to first token.

    Returns:
        The exponent, and the median error factor of the time it predicts.
    """
    ratios, batches = [], []
    for name, items in families.items():
        rates = fits[name].rates
        for item in items:
            batch = item.workload.batch(item.concurrency)
            if item.measurement.ttft_ms is None or not 1 < item.concurrency <= batch:
                continue
            alone = roofline.prefill_seconds(
                item.workload.work(item.concurrency), rates[item.accelerator]
            )
            ratios.append(np.log(item.measurement.ttft_ms / 1e3 / alone))
            batches.append(np.log(batch))
    ratio, batch_logs = np.array(ratios), np.array(batches)
    exponent = float(np.median(ratio / batch_logs))
    error = float(np.exp(np.median(np.abs(ratio - exponent * batch_logs))))
    return exponent, error


class _UnusableError(Exception):
    """Why a measurement cannot be fitted."""


def _case(row: Measurement) -> Case:
    if row.unusable:
        raise _UnusableError(row.unusable)
    if row.scenario not in REGIMES:
        raise _UnusableError("MLPerf: prompt length and parallel sizes are not in the logs")
    try:
        model = models.get(row.model)
        accelerator = accelerators.get(row.accelerator)
        shape = (row.tensor_parallel, row.pipeline_parallel, row.input_tokens, row.output_tokens)
        tp, pp, isl, osl = (value for value in shape if value is not None)
        workload = Workload(model, accelerator, row.precision, row.engine, tp, pp, isl, osl)
        concurrency = row.concurrency or workload.most_requests()
        workload.work(concurrency)
    except PlannerError as error:
        raise _UnusableError(str(error)) from error
    family = f"{row.engine}/{REGIMES[row.scenario]}/{accelerator.vendor}"
    return Case(family, workload, concurrency, row.tokens_per_second, row)


def _fit(items: Sequence[Case], prior: Array, spread: Array) -> Array:
    load, measured = _stack(items), _log_rates(items)

    def errors(values: Array) -> Array:
        expected = np.log(roofline.tokens_per_second(load, _rates(values)))
        return np.concatenate([(expected - measured) / _LOG_SCATTER, (values - prior) / spread])

    start = np.clip(prior, _LOWEST + 1e-6, _HIGHEST - 1e-6)
    found = least_squares(errors, start, bounds=(_LOWEST, _HIGHEST), loss="soft_l1")
    values: Array = found.x
    return values


def _stack(items: Sequence[Case]) -> Any:  # noqa: ANN401 - a Work whose fields are arrays
    works = [item.workload.work(item.concurrency) for item in items]
    fields = [field.name for field in dataclasses.fields(roofline.Work)]
    columns: dict[str, Any] = {
        name: np.array([getattr(work, name) for work in works], dtype=float) for name in fields
    }
    return roofline.Work(**columns)


def _rates(values: Array) -> roofline.Rates:
    return roofline.Rates(*(float(value) for value in np.exp(values)))


def _log_rates(items: Sequence[Case]) -> Array:
    return np.log([item.tokens_per_second for item in items])


def _kernel(values: Array) -> residuals.Kernel:
    *scales, family, accelerator, model, noise = (float(value) for value in np.exp(values))
    return residuals.Kernel(tuple(scales), family, accelerator, model, noise)


def _solve(covariances: Array, noise: float, residuals: Array) -> tuple[Array, Array]:
    """Return the weights, and the Cholesky factor of the covariance with noise."""
    factor, lower = cho_factor(covariances + noise**2 * np.eye(len(residuals)), lower=True)
    weights: Array = cho_solve((factor, lower), residuals)
    return weights, factor


def _same(left: Sequence[str], right: Sequence[str]) -> Array:
    equal: Array = (np.array(left)[:, None] == np.array(right)[None, :]).astype(float)
    return equal
