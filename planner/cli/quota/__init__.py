"""``planner quota``: check, request and follow the quotas that bind a plan."""
