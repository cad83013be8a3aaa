"""Where the figures and templates that ship with planner lie.

A wheel carries ``pricing_data`` and ``deploy_templates`` inside the package; a checkout
has them beside it. Nothing else in planner knows the difference.
"""

from __future__ import annotations

from pathlib import Path

from planner.errors import DataError

_PACKAGE = Path(__file__).resolve().parent


def pricing_data() -> Path:
    """Return the folder of bundled figures."""
    return _folder("pricing_data")


def deploy_templates() -> Path:
    """Return the folder of templates that are sent to a cloud."""
    return _folder("deploy_templates")


def _folder(name: str) -> Path:
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise DataError(
        f"planner's own folder {name!r} is missing",
        why=f"looked in {_PACKAGE} and {_PACKAGE.parent}",
        advice="reinstall it: pip install --force-reinstall gpu-planner",
    )
