"""Bring today's prices from the clouds into a store: collect, check, publish, say what changed.

Clouds are refreshed side by side, and one that fails leaves its old snapshot in place and
does not hold the others back. Of a cloud's list as little as possible is withheld: a machine
that breaks an integrity gate keeps its old price, then a service; a cloud is refused whole only
where nothing of its list is left, or the list itself cannot be read.
"""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import AccessError, NotFoundError, PlannerError, SnapshotRefusedError
from planner.pricing import gates, instance_types, snapshots, store, withheld
from planner.pricing.catalog import Catalog, Query
from planner.pricing.changes import Change, Covered, compare
from planner.pricing.sources import names
from planner.pricing.sources.cache import write_whole
from planner.pricing.sources.interface import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from planner.pricing.gates import Violation
    from planner.pricing.instance_types import InstanceType, InstanceTypes
    from planner.pricing.offer import Offer
    from planner.pricing.sources.interface import Collected, Files, Source, Trace
    from planner.pricing.store import Store

KEEP = 60


class Status(StrEnum):
    """How the refresh of a cloud ended."""

    PUBLISHED = "published"
    NEWER = "newer prices exist"
    CURRENT = "up to date"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cloud.

    Attributes:
        changes: Against what was known before, within what the new snapshot covers.
        withheld: The rows that broke a gate; their machines keep the prices of before.
        kept: Why a service keeps its prices of before, by service.
        error: Why it failed or was skipped.
    """

    cloud: str
    status: Status
    as_of: date | None = None
    offers: int = 0
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    path: Path | None = None
    withheld: tuple[Violation, ...] = ()
    kept: Mapping[str, tuple[Violation, ...]] = field(default_factory=dict)
    error: PlannerError | None = None

    @property
    def machines_withheld(self) -> list[tuple[str, str, str]]:
        """The machines withheld: service, region (empty: all), instance type."""
        return gates.machines_of(self.withheld)


def standing_exceptions() -> list[tuple[str, str]]:
    """Return the exceptions that hold on any day: those without a date in ``accepted.csv``."""
    with (pricing_data() / "accepted.csv").open(encoding="utf-8", newline="") as file:
        return [(row["gate"], row["subject"]) for row in csv.DictReader(file) if not row["as_of"]]


@dataclass(frozen=True)
class Refresh:
    """A run over some clouds.

    Attributes:
        sources: The clouds' price interfaces.
        files: Opens the files of a cloud.
        target: Where snapshots go.
        accelerator_memory_gib: Marketed memory by accelerator name.
        regions: Only these; all where empty.
        accepted: (gate, glob of the subject) exceptions.
        keep: Snapshots per cloud to keep in the store.
        optional: Clouds whose missing credentials are no failure.
        bundled: The figures known beside those in the store.
    """

    sources: Sequence[Source]
    files: Callable[[str], Files]
    target: Store
    accelerator_memory_gib: Mapping[str, float]
    regions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    accepted: Sequence[tuple[str, str]] = ()
    keep: int = KEEP
    optional: frozenset[str] = frozenset()
    bundled: Path = field(default_factory=pricing_data)

    def run(self) -> list[Outcome]:
        """Refresh the clouds side by side, in the order given."""
        return self._each(self._publish)

    def check(self) -> list[Outcome]:
        """Tell whether newer prices exist, and publish nothing.

        AWS names the version of each file; the other clouds' lists are read and compared.
        """
        return self._each(self._look)

    def explain(self, instance_type: str) -> dict[str, list[Trace]]:
        """Return the raw rows about one instance type, and what became of each, by cloud.

        Raises:
            NotFoundError: No list names it.
        """
        found = {}
        for source in self.sources:
            with closing(self.files(source.cloud)) as files:
                known = self._known(source, self._catalog())
                found[source.cloud] = source.explain(
                    files, known, self._regions(source), instance_type
                )
        if not any(found.values()):
            raise NotFoundError(
                f"no price list names {instance_type}",
                why=f"read those of {', '.join(found)}",
                advice="check the name; planner prices --geo all",
            )
        return found

    def _each(self, work: Callable[[Source, Files], Outcome]) -> list[Outcome]:
        def guarded(source: Source) -> Outcome:
            try:
                # A second refresh waits for the whole of the first: they share a cache, and
                # then find every file unchanged.
                with (
                    store.locked(self.target, source.cloud),
                    closing(self.files(source.cloud)) as files,
                ):
                    return work(source, files)
            except AccessError as error:
                optional = source.cloud in self.optional
                status = Status.SKIPPED if optional else Status.FAILED
                return Outcome(source.cloud, status, error=error)
            except PlannerError as error:
                return Outcome(source.cloud, Status.FAILED, error=error)

        if not self.sources:
            return []
        self.target.pull()
        pool = ThreadPoolExecutor(len(self.sources), "refresh")
        try:
            return list(pool.map(guarded, self.sources))
        finally:
            # Interrupted, nobody waits for downloads: they resume in the next run.
            pool.shutdown(wait=False, cancel_futures=True)

    def _look(self, source: Source, files: Files) -> Outcome:
        before = self._catalog()
        published = source.versions(files, self._regions(source))
        if published:
            newer = {
                k: v for k, v in published.items() if before.versions(source.cloud).get(k) != v
            }
            status = Status.NEWER if newer else Status.CURRENT
            notes = (f"{len(newer)} of {len(published)} price files are newer",) if newer else ()
            return Outcome(source.cloud, status, notes=notes)
        collected = self._collect(source, files, before)
        changes = self._changes(source.cloud, collected, before)
        status = Status.NEWER if changes else Status.CURRENT
        return Outcome(source.cloud, status, files.as_of, len(collected.offers), changes)

    def _publish(self, source: Source, files: Files) -> Outcome:
        collected = self._collect(source, files, self._catalog())
        # Another machine may have published into the store meanwhile.
        self.target.pull()
        before = self._catalog()
        types = instance_types.InstanceTypes([*before.instance_types, *collected.instance_types])
        sifted = self._sift(collected, types, self._previous(source.cloud, collected, before))
        sound = replace(collected, offers=sifted.offers, coverage=sifted.coverage)
        changes = self._changes(source.cloud, sound, before)
        add_types(self.target, sound.instance_types)
        sound = _with_same_day(sound, before, source.cloud)
        path = snapshots.write(self.target.root, sound.offers, sound.coverage, sound.versions)
        self.target.push(path)
        if sifted.withheld or sifted.kept:
            self.target.push(withheld.write(path, sifted))
        store.prune(self.target, source.cloud, keep=self.keep)
        return Outcome(
            source.cloud, Status.PUBLISHED, files.as_of, len(sound.offers), changes,
            sound.notes, path, sifted.withheld, sifted.kept,
        )  # fmt: skip

    def _known(self, source: Source, before: Catalog) -> Known:
        offered = before.offers(Query(clouds=(source.cloud,))) if before.snapshots else []
        return Known(
            instance_types=before.instance_types,
            names=names.load(self.accelerator_memory_gib),
            machines=frozenset((o.service, o.region, o.instance_type) for o in offered),
        )

    def _collect(self, source: Source, files: Files, before: Catalog) -> Collected:
        known = self._known(source, before)
        collected = source.collect(files, known, self._regions(source))
        if not collected.offers:
            raise PlannerError(
                f"the price lists of {source.cloud} hold nothing planner knows",
                why="; ".join(collected.notes),
                advice="check --region, or upgrade planner: pip install -U gpu-planner",
            )
        return collected

    def _sift(
        self, collected: Collected, types: InstanceTypes, previous: Sequence[Offer]
    ) -> gates.Sifted:
        candidate = gates.Candidate(
            offers=collected.offers,
            coverage=collected.coverage,
            instance_types=types,
            accelerator_memory_gib=self.accelerator_memory_gib,
            previous=previous,
        )
        sifted = gates.sift(candidate, self.accepted)
        if not sifted.offers:
            violations = [*sifted.withheld, *(v for why in sifted.kept.values() for v in why)]
            cloud = collected.offers[0].cloud
            raise SnapshotRefusedError(
                f"today's {cloud} prices are refused, and those of before stay: "
                "nothing that was read passes the integrity gates",
                [str(violation) for violation in violations],
                advice=withheld.advice(cloud, violations),
            )
        return sifted

    def _previous(self, cloud: str, collected: Collected, before: Catalog) -> list[Offer]:
        """Return what was known before the day of the new prices, or on it."""
        as_of = collected.offers[0].as_of
        if not before.snapshots or as_of < before.first_date:
            return []
        return before.offers(Query(as_of=as_of, clouds=(cloud,)))

    def _changes(self, cloud: str, collected: Collected, before: Catalog) -> tuple[Change, ...]:
        previous = self._previous(cloud, collected, before)
        return tuple(compare(previous, collected.offers, collected.coverage))

    def _regions(self, source: Source) -> Sequence[str]:
        return self.regions.get(source.cloud, ())

    def _catalog(self) -> Catalog:
        return Catalog(self.bundled, self.target.root)


def add_types(target: Store, new: Sequence[InstanceType]) -> None:
    """Add instance types to the store's own table, before offers refer to them."""
    if not new:
        return
    path = target.root / instance_types.FILE_NAME
    with store.locked(target, instance_types.FILE_NAME):
        own = instance_types.read(path) if path.is_file() else []
        merged = instance_types.InstanceTypes([*own, *new])
        write_whole(path, _table(merged).encode())
        target.push(path)


def _with_same_day(collected: Collected, before: Catalog, cloud: str) -> Collected:
    """Add what an earlier snapshot of the same day tells of other regions and kinds of price.

    One file holds a cloud's day, so that refreshing one region does not hide another.
    """
    as_of = collected.offers[0].as_of
    same_day = [s for s in before.snapshots if s.cloud == cloud and s.as_of == as_of]
    if not same_day:
        return collected
    covered = Covered(collected.coverage)
    kept = [
        offer
        for offer in before.offers(Query(as_of=as_of, clouds=(cloud,)))
        if offer.as_of == as_of and offer not in covered
    ]
    older = (c for s in same_day for c in s.coverage)
    return replace(
        collected,
        offers=(*collected.offers, *kept),
        coverage=tuple(dict.fromkeys((*collected.coverage, *older))),
        versions=before.versions(cloud) | dict(collected.versions),
    )


def _table(types: InstanceTypes) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(instance_types.COLUMNS)
    for item in sorted(types, key=lambda t: t.key):
        values = (getattr(item, column) for column in instance_types.COLUMNS)
        writer.writerow(["" if value is None else value for value in values])
    return text.getvalue()
