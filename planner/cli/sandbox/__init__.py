"""``planner sandbox``, and what ``planner --sandbox`` puts in force."""
