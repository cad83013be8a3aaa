"""``planner prices``, ``history`` and ``refresh``: the prices themselves."""
