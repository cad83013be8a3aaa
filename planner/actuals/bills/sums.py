"""The one query that sums a FOCUS bill up, in two stages.

The first groups millions of rows by what they say; the second gives the few groups their meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.actuals.bills.columns import MONEY
from planner.actuals.model import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.actuals.bills.columns import Columns

_PROVIDERS = ("ProviderName", "ServiceProviderName", "HostProviderName", "InvoiceIssuerName")
# Disks, addresses and traffic that some clouds bill under "Compute" by the hour.
_NO_MACHINE = "disk|storage|volume|snapshot|address|\\bip\\b|network|egress|data transfer|license"
_ABOUT = ("ServiceSubcategory", "ResourceType", "ChargeDescription")
# Pricing units of machines: hours, seconds, core hours, GiB hours; never GiB months.
_BY_THE_HOUR = "hour|hrs?|^h$|second"
_PLAIN_HOURS = "^(1 )?(hours?|hrs?|h)$"


def query(columns: Columns, keys: Sequence[str]) -> str:
    """Return the query; its two parameters are the period's first day and the day after its last.

    Args:
        columns: Of the view ``bill``.
        keys: How planner's tag is spelled, where tags are a map.
    """
    member, pair = columns.tags(keys)
    about = ", ".join(
        f"{columns.mentions(name, _NO_MACHINE)} AS about_{number}"
        for number, name in enumerate(_ABOUT)
    )
    return f"""
    WITH groups AS (
        SELECT
            {member} AS member,
            {pair} AS pair,
            owned.endpoint AS owner,
            {columns.first(*_PROVIDERS)} AS provider,
            CAST({columns.time("ChargePeriodStart")} AS DATE) AS charged,
            CAST({columns.time("BillingPeriodStart")} AS DATE) AS invoiced,
            {columns.text("ChargeCategory")} AS category,
            {columns.text("ChargeClass")} AS class,
            {columns.text("ServiceCategory")} AS area,
            {columns.text("ServiceName")} AS service,
            {columns.text("CommitmentDiscountStatus")} AS commitment,
            {columns.text("CommitmentDiscountId")} AS commitment_id,
            {columns.first("SkuId", "SkuPriceId")} AS sku,
            {columns.first("PricingUnit", "ConsumedUnit")} AS unit,
            {columns.text("BillingCurrency")} AS currency,
            {about},
            {_totals(columns)},
            sum({columns.money("PricingQuantity")}) AS quantity,
            count(*) AS rows,
            max({columns.time("ChargePeriodEnd")}) AS until
        FROM bill LEFT JOIN owned ON lower({columns.text("ResourceId")}) = owned.id
        GROUP BY ALL
    ), meant AS (
        SELECT
            *,
            coalesce(nullif(member, ''), nullif(pair, ''), owner, '') AS endpoint,
            -- A correction counts in the bill that brings it.
            CASE WHEN class = 'Correction' THEN greatest(charged, invoiced)
                ELSE charged END AS day,
            {_KIND} AS kind
        FROM groups
    )
    SELECT
        endpoint,
        coalesce(provider, '') AS provider,
        day,
        upper(coalesce(nullif(currency, ''), 'USD')) AS currency,
        kind,
        coalesce(service, '') AS service,
        lower(coalesce(commitment, '')) AS commitment,
        coalesce(commitment_id, '') AS commitment_id,
        CASE WHEN endpoint <> '' AND kind = '{Kind.MACHINE}'
            THEN coalesce(sku, '') ELSE '' END AS sku,
        sum(billed) AS billed, sum(effective) AS effective, sum(listed) AS listed,
        sum(billed_usd) AS billed_usd, sum(effective_usd) AS effective_usd,
        sum(listed_usd) AS listed_usd,
        sum(CASE WHEN regexp_matches(lower(unit), '{_PLAIN_HOURS}') THEN quantity END) AS hours,
        CAST(sum(rows) AS BIGINT) AS rows,
        -- What is paid for years ahead says nothing about how far the bill goes.
        max(CASE WHEN kind <> '{Kind.PURCHASE}' THEN until END) AS until
    FROM meant
    WHERE day >= ? AND day < ?
    GROUP BY ALL
    """  # noqa: S608 - the columns' names are quoted


def _totals(columns: Columns) -> str:
    effective = columns.money("EffectiveCost")
    dollars = columns.money("x_EffectiveCostInUsd")
    parts = {
        "billed": columns.money("BilledCost"),
        "effective": f"coalesce({effective}, {columns.money('BilledCost')})",
        "listed": columns.money("ListCost"),
        "billed_usd": columns.money("x_BilledCostInUsd"),
        "effective_usd": f"coalesce({dollars}, {columns.money('x_BilledCostInUsd')})",
        "listed_usd": columns.money("x_ListCostInUsd"),
    }
    return ", ".join(f"CAST(sum({sql}) AS {MONEY}) AS {name}" for name, sql in parts.items())


_KIND = f"""CASE
    WHEN class = 'Correction' THEN '{Kind.CORRECTION}'
    WHEN lower(category) = 'purchase' THEN '{Kind.PURCHASE}'
    WHEN lower(category) = 'credit' THEN '{Kind.CREDIT}'
    WHEN lower(category) = 'tax' THEN '{Kind.TAX}'
    WHEN lower(category) = 'adjustment' THEN '{Kind.ADJUSTMENT}'
    WHEN area IN ('Compute', 'AI and Machine Learning')
        AND regexp_matches(unit, '(?i){_BY_THE_HOUR}') AND NOT contains(lower(unit), 'month')
        AND NOT coalesce(about_0, false) AND NOT coalesce(about_1, false)
        AND NOT coalesce(about_2, false) THEN '{Kind.MACHINE}'
    ELSE '{Kind.OTHER}' END"""
