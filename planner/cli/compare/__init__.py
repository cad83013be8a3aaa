"""``planner compare``: the question, the answer first, the table."""
