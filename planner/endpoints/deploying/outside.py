"""Models outside planner's table, on clouds: read by their configuration, like any other then."""

from __future__ import annotations

from dataclasses import replace

from planner.endpoints.local import source
from planner.errors import UnknownNameError, UsageError
from planner.serving import models


def learn(text: str, weights: str = "") -> str:
    """Make the model that a user names known to this process.

    Args:
        text: A name of the table, a Hugging Face id, or a folder with a ``config.json``.
        weights: Where a cloud can read the weights of a folder that is here.

    Returns:
        The name by which planner knows it from now on.

    Raises:
        UnknownNameError: None of these.
        UsageError: The weights are on this machine only.
        PlannerError: The configuration cannot be read.
    """
    try:
        return models.get(text).name
    except UnknownNameError:
        found = source.find(text)
    if found.here and not weights:
        raise UsageError(
            f"the weights in {found.weights} are on this machine only",
            why="a cloud reads them from Hugging Face, SageMaker also from S3",
            advice="--weights OWNER/NAME or --weights s3://BUCKET/PREFIX/, or --to local",
        )
    model = replace(found.model, name=_name(found.model))
    if weights.count("/") == 1:
        model = replace(model, hf_id=weights)
    models.add(model)
    return model.name


def _name(model: models.Model) -> str:
    """Return a name in small letters that no model of the table has."""
    name = model.name.lower()
    try:
        known = models.get(name)
    except UnknownNameError:
        return name
    if known not in models.all_models():
        return name  # learned before
    owner = model.hf_id.partition("/")[0] if "/" in model.hf_id else "own"
    return f"{owner}-{name}".lower()
