"""Snapshots: the offers of one cloud as they stood on one date, in one Parquet file.

The layout is the same for bundled and refreshed snapshots, and any engine can read it::

    <root>/offers/<cloud>/<date>-<digest>.parquet

``<digest>`` is the start of the file's SHA-256, so that a file changed after it was
published is noticed, and publishing is one rename. The file's key-value metadata declares
what the snapshot covers (``Coverage``), because sources differ: a July on-demand list of one
region does not hide a January list of commitments.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import DataError
from planner.pricing.offer import Commitment, Confidence, Offer, PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

FOLDER = "offers"
COVERAGE_KEY = "planner.coverage"
VERSIONS_KEY = "planner.versions"
_NAME = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})-(?P<digest>[0-9a-f]{16})\.parquet")
_DIGEST_LENGTH = 16

# column -> DuckDB type; written out by hand so that a change of Offer cannot silently change
# the files that other programs read.
SCHEMA: dict[str, str] = {
    "cloud": "VARCHAR",
    "service": "VARCHAR",
    "region": "VARCHAR",
    "instance_type": "VARCHAR",
    "pricing_model": "VARCHAR",
    "commitment": "VARCHAR",
    "term_years": "TINYINT",
    "payment_option": "VARCHAR",
    "hourly_usd": "DECIMAL(18,9)",
    "upfront_usd": "DECIMAL(18,9)",
    "effective_hourly_usd": "DECIMAL(18,9)",
    "currency": "VARCHAR",
    "as_of": "DATE",
    "source": "VARCHAR",
    "confidence": "VARCHAR",
    "note": "VARCHAR",
    "sku": "VARCHAR",
    "undated": "BOOLEAN",
}


@dataclass(frozen=True, slots=True, order=True)
class Coverage:
    """One thing a snapshot claims to know completely.

    Within the instance types that match ``instance_types`` (a glob: ``*`` for all, ``a2-*``
    for a family, a plain name for one), every offer of this service, region and kind of
    price is in the snapshot: what is not there is not sold.
    """

    service: str
    region: str
    pricing_model: str
    commitment: str | None
    term_years: int | None
    payment_option: str | None
    instance_types: str


_ENTRY = tuple(field.name for field in fields(Coverage))


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A published snapshot.

    Attributes:
        declared: Its coverage as the file declares it: a list for each ``Coverage``.
    """

    cloud: str
    as_of: date
    path: str
    declared: list[list[Any]]

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """What the snapshot claims to know completely."""
        return tuple(Coverage(*entry) for entry in self.declared)


def coverage_of(offers: Iterable[Offer], scope: str | None = "*") -> tuple[Coverage, ...]:
    """Return the coverage of a complete list: every kind of price that it holds.

    Args:
        offers: The offers of the list.
        scope: The glob of instance types that it is complete for; None where it is a sample,
            complete only for the instance types it names.
    """
    return tuple(
        sorted(
            {
                Coverage(
                    o.service, o.region, o.pricing_model, o.commitment, o.term_years,
                    o.payment_option, o.instance_type if scope is None else scope,
                )
                for o in offers
            },
            key=lambda c: tuple(str(value) for value in asdict(c).values()),
        )
    )  # fmt: skip


def write(
    root: Path,
    offers: Sequence[Offer],
    coverage: Iterable[Coverage],
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write one snapshot and return its path; the rename at the end publishes it.

    The caller has run the integrity gates (``planner.pricing.gates``). An older file of the
    same cloud and date stays, because someone may be reading it; the newer one counts.

    Args:
        root: Where ``offers/`` is.
        offers: Of one cloud and date.
        coverage: What the snapshot knows completely.
        versions: The versions of the files it was read from, where the cloud has them.
    """
    import tempfile

    import duckdb

    cloud, as_of = offers[0].cloud, offers[0].as_of
    folder = root / FOLDER / cloud
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {
        COVERAGE_KEY: json.dumps(
            [list(asdict(c).values()) for c in coverage], separators=(",", ":")
        )
    }
    if versions:
        metadata[VERSIONS_KEY] = json.dumps(dict(sorted(versions.items())))
    listed = ", ".join(f"'{key}': '{_escaped(text)}'" for key, text in metadata.items())
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        draft = Path(scratch) / "offers.parquet"
        with duckdb.connect() as connection:
            _insert(connection, offers)
            connection.execute(
                "COPY (SELECT * FROM snapshot ORDER BY service, region, instance_type,"
                " pricing_model, commitment, term_years, payment_option)"
                f" TO '{_escaped(str(draft))}' (FORMAT parquet, COMPRESSION zstd,"
                f" KV_METADATA {{{listed}}})"
            )
        path = folder / f"{as_of.isoformat()}-{_digest(draft)}.parquet"
        draft.replace(path)
        os.utime(path)  # the newest of a date counts, also where equal content comes again
    return path


def find(root: Path) -> list[tuple[str, date, Path]]:
    """Return (cloud, date, path) of every snapshot below a root, oldest first.

    Where two files of one date are found (a refresh is replacing one at this moment), the
    newer counts.
    """
    newest: dict[tuple[str, date], Path] = {}
    for path in sorted((root / FOLDER).glob("*/*.parquet"), key=_modified):
        match = _NAME.fullmatch(path.name)
        if match:
            newest[path.parent.name, date.fromisoformat(match["date"])] = path
    return sorted((cloud, as_of, path) for (cloud, as_of), path in newest.items())


def withheld_beside(path: Path) -> Path:
    """Return where the list of what a snapshot withheld lies."""
    return path.with_name(f"{path.stem}.withheld.json")


def verify(path: Path) -> None:
    """Check that a snapshot file still is what was published.

    Raises:
        DataError: It was changed or cut short.
    """
    match = _NAME.fullmatch(path.name)
    if match and _digest(path) != match["digest"]:
        raise DataError(
            f"the snapshot {path.parent.name}/{path.name} was changed after it was published",
            why=f"its content no longer has the checksum in its name ({path})",
            advice="restore it: reinstall planner for a bundled file, "
            "or remove the file and fetch it again",
        )


def parse_coverage(text: str, path: Path) -> list[list[Any]]:
    """Read the coverage that the metadata of a snapshot declares.

    Raises:
        DataError: It cannot be understood.
    """
    try:
        entries: list[list[Any]] = json.loads(text)
        complete = all(len(entry) == len(_ENTRY) for entry in entries)
        why = "" if complete else f"an entry does not have {len(_ENTRY)} parts"
    except (ValueError, TypeError) as error:
        why = str(error)
    if why:
        raise DataError(
            f"{path} is not a price snapshot",
            why=f"its {COVERAGE_KEY} cannot be read: {why}",
            advice="remove the file and fetch it again, or reinstall planner for a bundled file",
        )
    return entries


def to_offer(row: Sequence[Any]) -> Offer:
    """Make an Offer of a row in the order of ``SCHEMA``."""
    values = dict(zip(SCHEMA, row, strict=True))
    values["pricing_model"] = PricingModel(values["pricing_model"])
    values["commitment"] = Commitment(values["commitment"]) if values["commitment"] else None
    option = values["payment_option"]
    values["payment_option"] = PaymentOption(option) if option else None
    values["confidence"] = Confidence(values["confidence"])
    values["undated"] = bool(values["undated"])  # NULL in files of before the column came
    return Offer(**values)


def _insert(connection: duckdb.DuckDBPyConnection, offers: Sequence[Offer]) -> None:
    """Load offers into a table through a newline-delimited JSON file.

    DuckDB's executemany takes minutes for what its readers do in milliseconds.
    """
    import tempfile

    columns = ", ".join(f"{name} {kind}" for name, kind in SCHEMA.items())
    connection.execute(f"CREATE TABLE snapshot ({columns})")
    types = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in SCHEMA.items()) + "}"
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson", encoding="utf-8") as file:
        for offer in offers:
            file.write(json.dumps({n: _jsonable(getattr(offer, n)) for n in SCHEMA}) + "\n")
        file.flush()
        connection.execute(
            f"INSERT INTO snapshot SELECT * FROM read_json('{file.name}', columns={types},"
            " format='newline_delimited')"
        )


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _jsonable(value: object) -> object:
    return str(value) if isinstance(value, Decimal | date) else value


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_LENGTH]


def _modified(path: Path) -> tuple[float, str]:
    try:
        return (path.stat().st_mtime, path.name)
    except FileNotFoundError:  # a refresh removed it between listing and looking
        return (0.0, path.name)
