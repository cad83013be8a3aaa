"""What endpoints really cost and really served, beside what was planned, and what to change.

Bills come from the clouds (:mod:`planner.actuals.bills`), served work from the engines' own
metrics (:mod:`planner.actuals.work`), what was planned from the ledger. A price list is never used
where a bill is there.
"""
