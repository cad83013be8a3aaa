"""Models outside planner's table, on clouds: read by their own files, like any other then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from planner.errors import UsageError
from planner.serving import models


def learn(text: str, weights: str = "") -> str:
    """Make the model that a user names known to this process.

    Args:
        text: A name of the table, a Hugging Face id, a folder with a ``config.json``, or an
            adapter.
        weights: Where a cloud can read the weights of a folder that is here.

    Returns:
        The name by which planner knows it from now on.

    Raises:
        UnknownNameError: None of these.
        UsageError: The weights are on this machine only.
        PlannerError: What it means cannot be read.
    """
    model = models.find(text)
    if models.in_table(model):
        return model.name
    if model.location and not weights:
        raise _only_here(model.location)
    if model.adapter is not None and Path(model.adapter.location).exists():
        raise UsageError(
            f"the adapter in {model.adapter.location} is on this machine only",
            why="a cloud reads it from Hugging Face",
            advice=f"push it there and name its id, or --to local; its base is {model.hf_id}",
        )
    if weights.count("/") == 1:
        model = replace(model, hf_id=weights)
        models.add(model, text)
    return model.name


def _only_here(location: str) -> UsageError:
    return UsageError(
        f"the weights in {location} are on this machine only",
        why="a cloud reads them from Hugging Face, SageMaker also from S3",
        advice="--weights OWNER/NAME or --weights s3://BUCKET/PREFIX/, or --to local",
    )
