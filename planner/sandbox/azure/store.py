"""What simulated Azure remembers of resource groups, and how its operations go on.

Documented (Azure Resource Manager, "Track asynchronous Azure operations"): 201 or 202 with
``Azure-AsyncOperation`` or ``Location``, the words ``InProgress``, ``Succeeded``, ``Failed`` and
the error beside them; a group that is being deleted takes nothing new. Assumed: how often an
operation is looked at before it is done.

``World.notes["azure-knobs"]`` takes what scenarios do not have: ``failed_deletes``, how many
deletions of groups end with an error and leave everything.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from planner.sandbox.azure.arm import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.lag import Lag
    from planner.sandbox.world import World

GROUPS, RESOURCES = ("azure-groups",), ("azure-resources",)
"""Kinds of things whose past readers still see (:mod:`planner.sandbox.lag`)."""
_LOOKS = 1  # how often an operation is still under way when it is looked at
_ids = itertools.count(1)


@dataclass(slots=True)
class Operation:
    """One operation under way.

    Attributes:
        effect: What happens at its end.
        error: How it fails; None where it succeeds.
        looks: How often it still says that it is under way.
    """

    id: str
    effect: Callable[[], None]
    error: ArmError | None = None
    looks: int = _LOOKS
    done: bool = False


@dataclass(slots=True)
class Store:
    """Groups by name, resources by id, both in small letters; operations; deleted vaults.

    Attributes:
        lag: Is told of what goes.
    """

    lag: Lag
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    deleted_vaults: dict[str, dict[str, Any]] = field(default_factory=dict)

    def group(self, name: str) -> dict[str, Any]:
        """Return a group.

        Raises:
            ArmError: There is none.
        """
        found = self.groups.get(name.casefold())
        return self.no_group(name) if found is None else found

    def no_group(self, name: str) -> NoReturn:
        """Say that there is no such group."""
        raise ArmError("ResourceGroupNotFound", f"Resource group '{name}' could not be found.", 404)

    def open_group(self, name: str) -> dict[str, Any]:
        """Return a group in which something can be made."""
        found = self.group(name)
        if found["properties"]["provisioningState"] == "Deleting":
            raise ArmError(
                "ResourceGroupBeingDeleted",
                f"The resource group '{name}' is in deprovisioning state and cannot perform this "
                "operation.",
                409,
            )
        return found

    def resource(self, id_: str) -> dict[str, Any]:
        """Return a resource.

        Raises:
            ArmError: There is none.
        """
        found = self.resources.get(id_.casefold())
        if found is None:
            raise ArmError("ResourceNotFound", f"The Resource '{id_}' was not found.", 404)
        return found

    def of_kind(self, kind: str, group: str = "") -> list[dict[str, Any]]:
        """Return the resources of a type, in one group or all."""
        inside = f"/resourcegroups/{group.casefold()}/" if group else "/resourcegroups/"
        return [
            item
            for id_, item in self.resources.items()
            if inside in id_ and item["type"].casefold() == kind.casefold()
        ]

    def drop(self, id_: str) -> None:
        """Remove a resource with what lies below it; a vault is kept as deleted."""
        below = f"{id_.casefold()}/"
        gone = [key for key in self.resources if f"{key}/".startswith(below)]
        for key in gone:
            item = self.resources.pop(key)
            self.lag.changing(RESOURCES, key, item)
            if item["type"].casefold() == "microsoft.keyvault/vaults":
                self.deleted_vaults[item["name"]] = item

    def drop_group(self, name: str) -> None:
        """Remove a group with all that lies in it."""
        found = self.groups.pop(name.casefold(), None)
        if found is not None:
            self.lag.changing(GROUPS, name.casefold(), found)
            self.drop(found["id"])

    def begin(self, effect: Callable[[], None], error: ArmError | None = None) -> str:
        """Begin an operation and return its id."""
        operation = Operation(f"operation-{next(_ids)}", effect, error)
        self.operations[operation.id] = operation
        return operation.id

    def look(self, id_: str) -> Operation:
        """Look at an operation, which comes to its end by being looked at."""
        found = self.operations.get(id_)
        if found is None:
            raise ArmError("NotFound", f"The operation '{id_}' was not found.", 404)
        found.looks -= 1
        if found.looks < 0 and not found.done:
            found.done = True
            found.effect()
        return found


def store(world: World) -> Store:
    """Return the store of a world; a reset of the world empties it."""
    notes = world.notes["azure-store"]
    if "store" not in notes:
        notes["store"] = Store(world.lag)
    made: Store = notes["store"]
    return made


def knob(world: World, name: str) -> bool:
    """Tell whether a knob still has a turn left, and take it."""
    knobs = world.notes["azure-knobs"]
    if knobs.get(name, 0) <= 0:
        return False
    knobs[name] -= 1
    return True
