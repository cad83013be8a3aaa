"""Hold alert rules against the catalog: names of cards and machines to offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import NotFoundError, UnknownNameError
from planner.planning.listing import to_query
from planner.pricing import alerts
from planner.serving import accelerators as cards

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from planner.pricing.alerts import Rule
    from planner.pricing.catalog import Catalog
    from planner.pricing.offer import Offer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one rule.

    Attributes:
        price_usd: The cheapest price, in ``unit``.
    """

    rule: Rule
    unit: str
    price_usd: Decimal
    offer: Offer

    @property
    def met(self) -> bool:
        """Whether the rule is met."""
        return self.rule.is_met(self.price_usd)


def judge(catalog: Catalog, rules: Sequence[Rule], **filters: Any) -> list[Verdict]:  # noqa: ANN401 - the filters of to_query
    """Hold every rule against the cheapest offer that matches it and the filters.

    Raises:
        UnknownNameError: A rule names neither an accelerator nor an instance type.
        NotFoundError: No offer matches a rule.
    """
    verdicts = []
    for rule in rules:
        chosen, unit = _subject(catalog, rule)
        found = alerts.cheapest(
            catalog.offers(to_query(catalog, **{**filters, **chosen})), catalog.instance_types, unit
        )
        if found is None:
            raise NotFoundError(
                f"no price matches the rule {rule.text!r}", advice="--geo all, or fewer filters"
            )
        verdicts.append(Verdict(rule, unit, *found))
    return verdicts


def _subject(catalog: Catalog, rule: Rule) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the filter that a rule's subject stands for, and the unit of its price."""
    accelerators = {t.accelerator for t in catalog.instance_types}
    if any(cards.matches(rule.subject, have) for have in accelerators):
        return {"accelerators": (rule.subject,)}, rule.unit or alerts.GPU_HOUR
    names = {t.instance_type.casefold(): t.instance_type for t in catalog.instance_types}
    if rule.subject.casefold() not in names:
        raise UnknownNameError(
            "accelerator or instance type",
            rule.subject,
            {*accelerators, *names.values()},
            advice="planner gpus, planner prices",
        )
    return {"instance_types": (names[rule.subject.casefold()],)}, rule.unit or alerts.HOUR
