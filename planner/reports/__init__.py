"""Reports for people and programs: one module per format, all from the same data."""

from planner.reports.interface import FORMATS, QuotaState, Report, render, suffix, warm_up, write

__all__ = ["FORMATS", "QuotaState", "Report", "render", "suffix", "warm_up", "write"]
