"""What the services of AWS share: calls with planner's errors, and roles."""
