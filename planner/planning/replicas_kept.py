"""What copies of a model serve, kept between runs: the slow part of every comparison."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner import kept
from planner.serving import capacity
from planner.serving.capacity import Replica
from planner.serving.memory import Split
from planner.serving.speed.predict import Throughput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.accelerators import Accelerator
    from planner.serving.load import Question
    from planner.serving.models import Model

_KIND = "replicas"


class Store:
    """The answers of one run: those on disk, and what is new.

    One file holds all the cards of a model and a question.
    """

    def __init__(self) -> None:
        self._files: dict[tuple[Model, Question], dict[str, Any]] = {}
        self._new: set[tuple[Model, Question]] = set()

    def find(self, asked: capacity.Asked) -> tuple[Replica | None] | None:
        """Return the answer in a tuple of its own; None where it is not kept."""
        key = _key(asked.card, asked.part, asked.split)
        file = self._file(asked)
        return (_from_json(file[key]),) if key in file else None

    def keep(self, asked: capacity.Asked, answer: Replica | None) -> None:
        """Keep an answer until :meth:`save`."""
        key = _key(asked.card, asked.part, asked.split)
        self._file(asked)[key] = None if answer is None else asdict(answer)
        self._new.add((asked.model, asked.question))

    def save(self) -> None:
        """Write what is new."""
        for group in self._new:
            kept.write(_KIND, group, self._files[group])
        self._new.clear()

    def _file(self, asked: capacity.Asked) -> dict[str, Any]:
        group = asked.model, asked.question
        if group not in self._files:
            found = kept.read(_KIND, group)
            self._files[group] = found if isinstance(found, dict) else {}
        return self._files[group]


@contextmanager
def remembering() -> Iterator[None]:
    """Take what copies of a model serve from earlier runs, and keep what is new for later ones."""
    if capacity.kept_in() is not None:
        yield
        return
    store = Store()
    capacity.keep_in(store)
    try:
        yield
    finally:
        capacity.keep_in(None)
        store.save()


def _key(card: Accelerator, part: float, split: Split) -> str:
    return f"{card!r} {part:g} {split.shards} {split.stages}"


def _from_json(found: dict[str, Any] | None) -> Replica | None:
    if found is None:
        return None
    answer = found["answer"]
    return Replica(
        **found
        | {
            "split": Split(**found["split"]),
            "answer": None if answer is None else Throughput(**answer),
        }
    )
