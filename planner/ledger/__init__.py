"""The ledger: what was requested, created, spent and removed. SQLite on the user's machine."""

from planner.ledger.ledger import SCHEMA_VERSION, Ledger, Resource, default_path
from planner.ledger.quota_book import Campaign, QuotaRequest, QuotaUse
from planner.ledger.work_book import MetricSample, ServedHour

__all__ = [
    "SCHEMA_VERSION",
    "Campaign",
    "Ledger",
    "MetricSample",
    "QuotaRequest",
    "QuotaUse",
    "Resource",
    "ServedHour",
    "default_path",
]
