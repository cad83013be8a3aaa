"""Quotas: check, request, and follow to the end, on three clouds.

``model`` has the words (what a demand needs, what a cloud says, the verdict), ``catalogue``
the names of the quotas, ``outcome`` how a request ended; these are pure. ``interface`` is
what a cloud's adapter offers (``aws``, ``azure``, ``gcp``). ``checking`` asks many regions at
once, ``tracker`` files and follows requests, ``planning`` looks for the shortest way to a
running endpoint.
"""
