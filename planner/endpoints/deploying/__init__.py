"""Put an endpoint in place: preflight, steps with undo, the hunt for capacity, templates."""
