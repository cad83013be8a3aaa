"""``planner size``: a load in, fleets and how to buy them out."""
