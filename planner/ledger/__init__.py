"""The ledger: what was requested, created, spent and removed. SQLite on the user's machine."""

from planner.ledger.ledger import SCHEMA_VERSION, Ledger, Resource, default_path
from planner.ledger.quota_book import Campaign, QuotaRequest, QuotaUse

__all__ = [
    "SCHEMA_VERSION",
    "Campaign",
    "Ledger",
    "QuotaRequest",
    "QuotaUse",
    "Resource",
    "default_path",
]
