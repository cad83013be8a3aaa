"""Where refreshed snapshots live: the user's data folder, or a team's bucket.

``PLANNER_DATA_DIR`` names another folder or an fsspec URL: ``s3://bucket/prices``,
``gs://...``, ``az://...``, or any other protocol that fsspec has a package for. The layout
below it is that of the bundled figures (``planner.pricing.snapshots``), so any engine reads
it. A remote store is mirrored into the user's cache folder: a published snapshot never
changes, so each file is fetched once, and queries run over local files.

Credentials come from where the cloud's own tools look: boto3's chain (``AWS_ENDPOINT_URL``
and ``AWS_ENDPOINT_URL_S3`` included), Google's application default credentials, Azure's
default credential. ``pip install gpu-planner[team]`` brings the packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from planner.bundled import pricing_data
from planner.errors import DataError
from planner.pricing import snapshots
from planner.pricing.instance_types import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

_VARIABLE = "PLANNER_DATA_DIR"
# The first refresh of all regions may take this long on a slow line.
_LOCK_SECONDS = 3 * 3600
# A reader may have listed a file just before a newer one of the same date took its place.
_GRACE_SECONDS = 3600


class Store(Protocol):
    """A place for snapshots. ``root`` is the local folder that a catalog reads."""

    @property
    def root(self) -> Path:
        """The local folder, up to date as of :meth:`pull`."""

    def pull(self) -> None:
        """Bring ``root`` up to date."""

    def push(self, path: Path) -> None:
        """Make a file below ``root`` visible to everyone; all of it or nothing."""

    def remove(self, path: Path) -> None:
        """Remove a file that :meth:`push` made visible."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder on this machine."""

    root: Path

    def pull(self) -> None:
        """Do nothing: the folder is the truth."""

    def push(self, path: Path) -> None:
        """Do nothing: the rename into place has published it."""

    def remove(self, path: Path) -> None:
        """Remove the file."""
        path.unlink(missing_ok=True)

    def __str__(self) -> str:
        return str(self.root)


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """A folder behind a URL, mirrored locally.

    Attributes:
        url: ``s3://bucket/prices``, ...
        root: The mirror.
    """

    url: str
    root: Path
    _made: list[Any] = field(default_factory=list, repr=False)

    def pull(self) -> None:
        """Fetch what is new and forget what is gone.

        Raises:
            DataError: The store cannot be read.
        """
        with self._errors("read"):
            fs, base = self._filesystem()
            fs.invalidate_cache()
            found = fs.find(base, detail=True) if fs.exists(base) else {}
        listed = {}
        for name, details in found.items():
            relative = name[len(base) :].lstrip("/")
            if relative == FILE_NAME or relative.startswith(f"{snapshots.FOLDER}/"):
                listed[relative] = (name, details)
        for relative, (name, details) in listed.items():
            self._fetch(self.root / relative, name, details)
        for path in (self.root / snapshots.FOLDER).glob("*/[0-9]*"):
            if path.relative_to(self.root).as_posix() not in listed:
                path.unlink(missing_ok=True)

    def push(self, path: Path) -> None:
        """Upload a file; object stores show it whole or not at all."""
        with self._errors("write to"):
            fs, base = self._filesystem()
            name = f"{base}/{path.relative_to(self.root).as_posix()}"
            fs.pipe_file(name, path.read_bytes())

    def remove(self, path: Path) -> None:
        """Remove the file from the store and the mirror."""
        with self._errors("write to"):
            fs, base = self._filesystem()
            name = f"{base}/{path.relative_to(self.root).as_posix()}"
            if fs.exists(name):
                fs.rm_file(name)
        path.unlink(missing_ok=True)

    def __str__(self) -> str:
        return self.url

    def _fetch(self, path: Path, name: str, details: dict[str, Any]) -> None:
        changed = _timestamp(details)
        if path.exists() and path.stat().st_mtime == changed:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors("read"):
            fs, _ = self._filesystem()
            content = fs.cat_file(name)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".fetching-") as draft:
            draft.write(content)
            draft.flush()
            os.utime(draft.name, (changed, changed))
            # Linked and renamed, because the temporary file removes itself.
            spare = Path(f"{draft.name}.new")
            os.link(draft.name, spare)
            spare.replace(path)

    def _filesystem(self) -> tuple[Any, str]:
        if not self._made:
            self._made.append(open_filesystem(self.url))
        fs, base = self._made[0]
        return fs, base.rstrip("/")

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except Exception as error:  # each fsspec package has its own errors
            raise DataError(
                f"cannot {verb} the price store {self.url}",
                why=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                advice=f"check the URL and your credentials, or unset {_VARIABLE}",
            ) from error


def open_store(location: str | Path | None = None) -> Store:
    """Return the store at a folder or URL; by default the user's own.

    The user's own is ``PLANNER_DATA_DIR``, else the platform's data folder; in the sandbox a
    folder of its own.
    """
    from planner import state
    from planner.clouds import settings

    if location is None and settings.current().simulated:
        # Simulated prices never lie among real ones, nor in a team's store.
        return LocalStore(state.folder() / "sandbox-prices")
    chosen = str(location or os.environ.get(_VARIABLE) or "")
    if "://" in chosen:
        return RemoteStore(chosen.rstrip("/"), _mirror(chosen.rstrip("/")))
    if chosen:
        return LocalStore(Path(chosen).expanduser())
    from platformdirs import user_data_path

    return LocalStore(user_data_path("gpu-planner"))


def roots(store: Store | None = None) -> tuple[Path, ...]:
    """Return what a catalog reads: the bundled figures, then the store, brought up to date."""
    store = store or open_store()
    store.pull()
    return (pricing_data(), store.root) if store.root.is_dir() else (pricing_data(),)


@contextmanager
def locked(store: Store, cloud: str) -> Iterator[None]:
    """Hold the right to refresh a cloud from this machine.

    Two machines that publish into one bucket at once do no harm either: each uploads its
    own file and removes only files it had seen before.
    """
    from filelock import FileLock, Timeout

    folder = store.root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / cloud, timeout=_LOCK_SECONDS):
            yield
    except Timeout as error:
        raise DataError(
            f"another refresh of {cloud} is running",
            why=f"it has held {folder / cloud} for {_LOCK_SECONDS} seconds",
            advice="wait for it, or end it",
        ) from error


def prune(store: Store, cloud: str, *, keep: int) -> list[date]:
    """Remove the oldest snapshots of a cloud, and files that newer ones replaced.

    Args:
        store: Where; the bundled figures are never touched.
        cloud: ``aws``, ``azure`` or ``gcp``.
        keep: Dates to keep.

    Returns:
        The dates that were removed.
    """
    newest = [(day, path) for name, day, path in snapshots.find(store.root) if name == cloud]
    old = newest[: max(0, len(newest) - keep)]
    current = {path for _, path in newest}
    now = time.time()
    for path in (store.root / snapshots.FOLDER / cloud).glob("*.parquet"):
        if path not in current and now - path.stat().st_mtime > _GRACE_SECONDS:
            _remove(store, path)
    for _, path in old:
        _remove(store, path)
    for scratch in (store.root / snapshots.FOLDER / cloud).glob(".writing-*"):
        if now - scratch.stat().st_mtime > _GRACE_SECONDS:  # a killed run's
            shutil.rmtree(scratch, ignore_errors=True)
    return [day for day, _ in old]


def _remove(store: Store, path: Path) -> None:
    """Remove a snapshot, and the list of what it withheld."""
    store.remove(path)
    store.remove(snapshots.withheld_beside(path))


def _mirror(url: str) -> Path:
    from platformdirs import user_cache_path

    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    return user_cache_path("gpu-planner") / "mirrors" / digest


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return an fsspec file system and the path in it.

    obstore speaks S3, GCS and Azure without a second copy of the vendors' SDKs; s3fs would
    pin its own version of botocore.
    """
    try:
        import fsspec

        protocol = url.split("://", 1)[0]
        if protocol in ("s3", "gs", "az", "abfs"):
            return _object_store(protocol, url)
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise DataError(
            f"the packages for {url} are not installed",
            why=str(error),
            advice="pip install 'gpu-planner[team]'",
        ) from error
    return fs, str(path)


def _object_store(protocol: str, url: str) -> tuple[Any, str]:
    from obstore.fsspec import FsspecStore

    path = url.split("://", 1)[1]
    if protocol == "gs":
        return FsspecStore("gs"), path
    if protocol != "s3":
        from obstore.auth.azure import AzureCredentialProvider

        return FsspecStore("az", credential_provider=AzureCredentialProvider()), path
    import boto3
    from obstore.auth.boto3 import Boto3CredentialProvider

    session = boto3.Session()
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config: Any = {"region": session.region_name or "us-east-1"}
    if endpoint:
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    store = FsspecStore(
        "s3",
        config=config,
        client_options={"allow_http": (endpoint or "").startswith("http://")},
        credential_provider=Boto3CredentialProvider(session),
    )
    return store, path


def _timestamp(details: dict[str, Any]) -> float:
    """Return when an object changed, in whole seconds; fsspec packages name it differently."""
    for key in ("last_modified", "LastModified", "mtime", "created", "updated"):
        value = details.get(key)
        if value is not None:
            return float(int(value.timestamp() if hasattr(value, "timestamp") else float(value)))
    return 0.0
