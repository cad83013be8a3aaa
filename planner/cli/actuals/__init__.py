"""``planner actuals``: what endpoints really cost and really served."""
