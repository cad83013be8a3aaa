"""The ledger: what was requested, created, spent and removed. SQLite on the user's machine."""

from planner.ledger.ledger import SCHEMA_VERSION, Ledger, QuotaRequest, Resource, default_path

__all__ = ["SCHEMA_VERSION", "Ledger", "QuotaRequest", "Resource", "default_path"]
