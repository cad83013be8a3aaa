"""Simulated Google APIs. Add a service: a module with ``blueprint(world)``."""
