"""One object of a cluster, with what to know of it; and what planner pins for clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from planner.bundled import deploy_templates
from planner.serving import table


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object; the comment stands above it in the file."""

    content: dict[str, Any]
    comment: str = ""


def pinned() -> dict[str, str]:
    """Return ``deploy_templates/kubernetes/settings.csv``: image, version, CUDA, driver."""
    rows = table.read(deploy_templates() / "kubernetes" / "settings.csv")
    return {row["setting"]: row["value"] for row in rows}


def gke_accelerator(machine: str) -> str:
    """Return GKE's name of the cards that a machine type brings; empty where not known."""
    rows = table.read(deploy_templates() / "kubernetes" / "gke_accelerators.csv")
    return next(
        (row["accelerator"] for row in rows if machine.startswith(f"{row['machine_prefix']}-")), ""
    )
