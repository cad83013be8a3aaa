"""Google's billing export in BigQuery: costs by day, label and meter.

Tables ``gcp_billing_export_v1_*`` (standard) and ``gcp_billing_export_resource_v1_*`` (detailed):
https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables. There is no interface
without an export. BigQuery asks $6.25 per TiB read, after one that is free each month
(https://cloud.google.com/bigquery/pricing); a dry run tells how much it will be.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from planner.actuals.model import ZERO, Bill, Charge, Kind, Period
from planner.clouds import gcp
from planner.endpoints.gce.requests import LABEL_ENDPOINT
from planner.errors import CloudError, UsageError

_USD_PER_TIB = Decimal("6.25")
_TIB = 2**40
_TABLE = re.compile(r"^[a-z][a-z0-9.:-]{4,61}\.[A-Za-z0-9_]+\.[A-Za-z0-9_*]+$")
_KINDS = {"tax": Kind.TAX, "adjustment": Kind.ADJUSTMENT, "rounding_error": Kind.ADJUSTMENT}
_MACHINE = re.compile(r"\b(instance|gpu|core|ram)\b", re.IGNORECASE)
_NO_MACHINE = re.compile(r"disk|storage|capacity|\bip\b|network|egress", re.IGNORECASE)
_POLLS = 60


class Source:
    """Asks BigQuery; it needs ``bigquery.jobs.create`` and ``bigquery.tables.getData``.

    Args:
        table: ``project.dataset.table`` of the export.

    Raises:
        UsageError: That is no table.
    """

    title = "Google's billing export"

    def __init__(self, table: str = "") -> None:
        if not _TABLE.match(table):
            raise UsageError(
                f"{table!r} is no BigQuery table" if table else "the billing export is missing",
                why="Google has costs only in an export to BigQuery",
                advice="--bigquery PROJECT.DATASET.gcp_billing_export_resource_v1_..., or a "
                "FOCUS file: --focus PATH",
            )
        self._table = table

    def fee_usd(self, period: Period) -> Decimal:
        """Return what BigQuery asks for reading the table, by a dry run, which is free."""
        answer = _ask(self._question(period) | {"dryRun": True})
        return Decimal(str(answer.get("totalBytesProcessed", 0))) / _TIB * _USD_PER_TIB

    def read(self, period: Period) -> Bill:
        """Return what Google bills for planner's label."""
        answer = _ask(self._question(period))
        job = answer.get("jobReference", {})
        rows = [_plain(row) for row in answer.get("rows", ())]
        names = _names(answer)
        polls = 0
        while not answer.get("jobComplete", True) or answer.get("pageToken"):
            polls += not answer.get("jobComplete", True)
            if polls > _POLLS:
                raise CloudError(
                    "BigQuery does not finish", why=str(job), advice="ask for a shorter --since"
                )
            answer = _more(job, answer.get("pageToken", ""))
            names = names or _names(answer)
            rows += [_plain(row) for row in answer.get("rows", ())]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        charges = [charge for row in found for charge in _charges(row)]
        ends = [datetime.fromtimestamp(float(row["until"]), UTC) for row in found if row["until"]]
        return Bill(
            f"{self.title} ({self._table})",
            period,
            tuple(charges),
            until=max(ends, default=None),
            warnings=("Google's costs of the last day may be incomplete",),
        )

    def _question(self, period: Period) -> dict[str, Any]:
        days = {"first": period.start, "last": period.last}
        return {
            "query": _SQL.format(table=self._table, label=LABEL_ENDPOINT),
            "useLegacySql": False,
            "parameterMode": "NAMED",
            "queryParameters": [
                {
                    "name": name,
                    "parameterType": {"type": "DATE"},
                    "parameterValue": {"value": str(day)},
                }
                for name, day in days.items()
            ],
            "timeoutMs": 30_000,
            # A question that is sent again after a lost answer is asked, and paid, once.
            "requestId": str(uuid.uuid4()),
        }


# ``cost`` has no credits in it; those of commitments and of use are in ``credits``.
_SQL = """
SELECT
  COALESCE((SELECT value FROM UNNEST(labels) WHERE key = '{label}'), '') AS endpoint,
  DATE(usage_start_time) AS day,
  service.description AS service,
  sku.description AS sku,
  cost_type,
  currency,
  CAST(SUM(CAST(cost AS NUMERIC)) AS STRING) AS cost,
  CAST(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c
    WHERE c.type LIKE 'COMMITTED%'), 0)) AS STRING) AS commitments,
  CAST(SUM(IFNULL((SELECT SUM(CAST(c.amount AS NUMERIC)) FROM UNNEST(credits) AS c
    WHERE c.type NOT LIKE 'COMMITTED%'), 0)) AS STRING) AS credits,
  UNIX_SECONDS(MAX(usage_end_time)) AS until
FROM `{table}`
WHERE DATE(usage_start_time) BETWEEN @first AND @last
GROUP BY endpoint, day, service, sku, cost_type, currency
"""


def _ask(question: dict[str, Any]) -> dict[str, Any]:
    with gcp.errors("read what Google billed", action="bigquery.jobs.create", api="bigquery"):
        return gcp.call(
            "POST",
            f"/bigquery/v2/projects/{gcp.project()}/queries",
            api="bigquery",
            body=question,
            repeatable=True,
        )


def _more(job: dict[str, Any], page: str) -> dict[str, Any]:
    where = {"location": job["location"]} if job.get("location") else {}
    with gcp.errors("read what Google billed", action="bigquery.jobs.create", api="bigquery"):
        return gcp.call(
            "GET",
            f"/bigquery/v2/projects/{gcp.project()}/queries/{job['jobId']}",
            api="bigquery",
            repeatable=True,
            parameters={"timeoutMs": "30000", **where, **({"pageToken": page} if page else {})},
        )


def _names(answer: dict[str, Any]) -> list[str]:
    return [str(field["name"]) for field in answer.get("schema", {}).get("fields", ())]


def _plain(row: dict[str, Any]) -> list[Any]:
    return [cell["v"] for cell in row["f"]]


def _charges(row: dict[str, Any]) -> list[Charge]:
    """Return a row's cost, and its credits apart; a commitment's is part of the hour's price."""
    cost, commitments = Decimal(row["cost"]), Decimal(row["commitments"])
    given = Decimal(row["credits"])
    about = row["sku"] or ""
    machine = _MACHINE.search(about) and not _NO_MACHINE.search(about)
    kind = _KINDS.get(row["cost_type"]) or (Kind.MACHINE if machine else Kind.OTHER)
    day = date.fromisoformat(row["day"])
    paid = cost + commitments
    place = (row["endpoint"], "gcp", day, row["currency"])
    found = [Charge(*place, kind, paid, paid, listed=cost, what=row["service"] or "")]
    if given != ZERO:
        found.append(Charge(*place, Kind.CREDIT, given, given, what="credits"))
    return found
