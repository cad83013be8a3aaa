"""Simulated clouds on loopback, for rehearsals and tests.

The vendors' real SDK clients talk to it. AWS is moto's server plus what moto lacks; Azure
Resource Manager and the Google APIs are planner's own fakes. Every module says which
behaviour is documented by the vendor and which is assumed; who is granted what, and when, is
invented (``decisions``). Nothing in here knows real prices, capacity or approval odds.

How it is laid out, so that a service can be added without touching another:

* ``world``: the state all services share: clock, scenario, quotas, requests, calls;
* ``scenarios``: the knobs, and the named settings of them;
* ``aws/``, ``azure/``, ``gcp/``: one file per service, listed in the package's ``app.py``;
* ``control``: the small API behind ``planner sandbox advance`` and the tests;
* ``server``: runs them all in this process; ``process``: in a process of their own.
"""
