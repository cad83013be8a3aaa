"""``planner serve``: the report as a live page on the user's own machine. Reads, never writes."""
