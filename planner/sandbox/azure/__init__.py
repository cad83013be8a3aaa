"""Simulated Azure Resource Manager. Add a service: a module with ``blueprint(world)``."""
