"""Simulated AWS: moto's server, with what it lacks or gets wrong put in front of it.

Add a service: a module with a class that has ``service`` and ``handle``, listed in ``app.py``.
"""
