"""Azure's models, safe for several threads.

A model of the SDK works out its fields when the first object of it is made, and reads its class
while another thread may be adding to it. The SDK swallows the ``RuntimeError`` that Python
raises then and hands out the plain ``dict`` of the answer instead of the model (seen with
azure-mgmt-compute 39.0: a quota check of several regions found a ``dict`` without
``resource_type``). planner reads regions in parallel, so objects are made one at a time here.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

_lock = threading.RLock()
_guarded: set[str] = set()


def guard(client: object) -> None:
    """Let only one thread at a time make models of the SDK that a client belongs to.

    SDKs of an older generation have no such models; nothing changes for them.
    """
    package = type(client).__module__.rpartition(".")[0]
    generated = sys.modules.get(f"{package}._utils.model_base")
    with _lock:
        if generated is None or package in _guarded:
            return
        _guarded.add(package)
        _one_at_a_time(generated.Model)


def _one_at_a_time(model: Any) -> None:  # noqa: ANN401 - the SDK's base class, private to it
    make = model.__new__

    def guarded(cls: type, *args: object, **fields: object) -> object:
        with _lock:
            return make(cls, *args, **fields)

    model.__new__ = staticmethod(guarded)
