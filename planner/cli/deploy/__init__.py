"""``planner deploy``: the question, the plan on screen, the yes, and the hand-over."""
