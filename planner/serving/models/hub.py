"""Models on the Hugging Face hub: their configuration, the sizes of their files, their licence.

``huggingface_hub`` does the talking: its cache, its offline mode (``HF_HUB_OFFLINE``), a mirror
(``HF_ENDPOINT``) and the token of the environment (``HF_TOKEN``) are honoured. No weight file is
downloaded.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from planner.errors import AccessError, DataError, NotFoundError, PlannerError
from planner.serving.models import files, names, reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models.model import Model

_HUB = "https://huggingface.co"
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_WANTED = (
    reader.CONFIG,
    reader.PARAMS,
    reader.ADAPTER,
    "hf_quant_config.json",
    "quantize_config.json",
)
_TIMEOUT_S = 20
_CONNECT_S = 3
_LICENSES = {"apache-2.0": "Apache 2.0", "mit": "MIT", "bsd-3-clause": "BSD 3-Clause"}
_MOST_CHILDREN = 100
_TRUE = {"1", "true", "yes", "on"}


class HubNotReachableError(PlannerError):
    """The hub does not answer, or must not be asked."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says of a model.

    Attributes:
        hf_id: Its id, as the hub spells it.
        contents: The small files that describe it, by name.
        sizes: Bytes of its files, by name; empty where only the cache was read.
        gated: ``yes``, ``no`` or ``not known``.
        license: As its card names it; ``not known`` where it does not.
    """

    hf_id: str
    contents: Mapping[str, Mapping[str, Any]]
    sizes: Mapping[str, int]
    gated: str
    license: str


def is_id(text: str) -> bool:
    """Tell whether a text has the form of an id: ``owner/name``."""
    owner, slash, name = text.partition("/")
    plain = all(
        part and part.replace("-", "").replace("_", "").replace(".", "").isalnum()
        for part in (owner, name)
    )
    return bool(slash) and plain and not text.startswith((".", "~"))


def look_up(hf_id: str) -> Repository:
    """Return what the hub, or its cache on this machine, says of a model.

    Raises:
        NotFoundError: There is no such model, or it is not shown.
        AccessError: It is gated, and the token is missing or has not accepted its licence.
        HubNotReachableError: The hub does not answer and the cache has nothing.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE:
        return _cached(hf_id)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    api = HfApi(endpoint=_endpoint())
    try:
        info = _info(api, hf_id)
    except RepositoryNotFoundError as error:
        raise _absent(hf_id) from error
    except HfHubHTTPError as error:
        raise _failed(hf_id, error) from error
    except OSError as error:
        return _cached(hf_id, error)
    except Exception as error:
        if _is_connection(error):
            return _cached(hf_id, error)
        raise
    names = {item.rfilename: item.size or 0 for item in info.siblings or ()}
    card = info.card_data.to_dict() if info.card_data else {}
    licence = str(card.get("license") or "not known")
    found = info.id or hf_id
    closed = bool(info.gated or info.private)
    return Repository(
        found,
        {name: _download(found, name, closed=closed) for name in _WANTED if name in names},
        names,
        "yes" if info.gated else "no",
        _LICENSES.get(licence, licence),
    )


def published(hf_id: str, precision: str) -> str:
    """Return the most downloaded checkpoint of a model at a precision; empty where none is seen.

    The hub says what was quantized from what; what it is quantized to is in its name and tags.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").casefold() in _TRUE or not _answers(_endpoint()):
        return ""
    from huggingface_hub import HfApi

    children = HfApi(endpoint=_endpoint()).list_models(
        filter=f"base_model:quantized:{hf_id}", sort="downloads", limit=_MOST_CHILDREN, token=False
    )
    try:
        return next((item.id for item in children if _says(item, precision)), "")
    except (OSError, ValueError):
        return ""
    except Exception as error:
        if _is_connection(error) or type(error).__name__ == "HfHubHTTPError":
            return ""
        raise


@cache
def _answers(endpoint: str | None) -> bool:
    """Tell whether somebody listens there, once a process.

    huggingface_hub asks for a list six times over 23 seconds before it gives up. Where a proxy
    leads out, only it can tell.
    """
    import socket
    from urllib.request import getproxies

    if getproxies():
        return True
    address = urlsplit(endpoint or _HUB)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), _CONNECT_S).close()
    except OSError:
        return False
    return True


def _says(item: Any, precision: str) -> bool:  # noqa: ANN401 - ModelInfo, imported where used
    texts = (item.id, *(f"{item.id}-{tag}" for tag in item.tags or ()))
    gguf = any("gguf" in text.casefold() for text in texts)
    return not gguf and any(names.precision_of(text) == precision for text in texts)


def model(repository: Repository, *, parameters: int | None = None) -> Model:
    """Return the model of a repository.

    Raises:
        DataError: Its configuration cannot be read.
    """
    contents = repository.contents
    own = contents.get(reader.CONFIG)
    params = contents.get(reader.PARAMS)
    if own is None and params is None:
        raise _no_config(repository)
    config = own if own is not None else reader.from_params(params or {})
    weights = files.weigh_listing(repository.sizes)
    url = f"{_HUB}/{repository.hf_id}"
    checkpoint = reader.Checkpoint(
        config,
        repository.hf_id.rpartition("/")[2].lower(),
        url,
        {name: content for name, content in contents.items() if "quant" in name},
        weights,
        repository.hf_id,
    )
    found = reader.of(checkpoint, parameters=parameters)
    return replace(found, gated=repository.gated, license=repository.license)


def _no_config(repository: Repository) -> DataError:
    ggufs = sorted(name for name in repository.sizes if name.endswith(".gguf"))
    if ggufs:
        return DataError(
            f"{repository.hf_id} holds GGUF files, which are planned one by one",
            why=", ".join(ggufs[:4]),
            advice=f"hf download {repository.hf_id} {ggufs[0]}, then name the file",
        )
    return DataError(
        f"{repository.hf_id} has no {reader.CONFIG}",
        why="it is not a model that engines load by itself",
        advice="planner models",
    )


def _info(api: Any, hf_id: str) -> Any:  # noqa: ANN401 - HfApi, imported where used
    """Return the hub's record; the token is sent only where nothing is shown without it."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(hf_id, files_metadata=True, token=False, timeout=_TIMEOUT_S)
    except RepositoryNotFoundError:
        if token() is None:
            raise
        return api.model_info(hf_id, files_metadata=True, token=token(), timeout=_TIMEOUT_S)


def token() -> str | None:
    """Return the hub's token of the environment; None where there is none."""
    return next((os.environ[name] for name in _TOKENS if os.environ.get(name)), None)


def _download(
    hf_id: str, name: str, *, closed: bool = False, local: bool = False
) -> Mapping[str, Any]:
    """Return the content of a small file; the token is sent for closed models only."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    try:
        path = hf_hub_download(
            hf_id,
            name,
            token=(token() or False) if closed else False,
            endpoint=_endpoint(),
            cache_dir=_cache(),
            local_files_only=local,
            etag_timeout=_TIMEOUT_S,
        )
    except GatedRepoError as error:
        raise AccessError(
            f"Hugging Face does not show the files of {hf_id}",
            why="it is gated" if token() else "it is gated, and no token is set",
            advice=f"accept its licence at {_HUB}/{hf_id} and export HF_TOKEN=...",
        ) from error
    except HfHubHTTPError as error:
        raise _failed(hf_id, error) from error
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123 - the library gives a text
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {name} of {hf_id}", why=str(error)) from error
    return content if isinstance(content, dict) else {}


def _cached(hf_id: str, error: Exception | None = None) -> Repository:
    """Return what an earlier look-up left in the cache."""
    from huggingface_hub import try_to_load_from_cache

    names = [
        name
        for name in _WANTED
        if isinstance(try_to_load_from_cache(hf_id, name, cache_dir=_cache()), str)
    ]
    if not names:
        raise HubNotReachableError(
            f"{hf_id} is not a model of planner's table, and the hub was not asked",
            why=str(error) if error else "HF_HUB_OFFLINE is set, and the cache does not have it",
            advice="a folder with its config.json, or planner models for those of the table",
        ) from error
    contents = {name: _download(hf_id, name, local=True) for name in names}
    return Repository(hf_id, contents, {}, "not known", "not known")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _cache() -> str | None:
    """Return where the environment of now wants the cache; the library reads it once."""
    home = os.environ.get("HF_HOME")
    return os.environ.get("HF_HUB_CACHE") or (f"{home}/hub" if home else None)


def _is_connection(error: Exception) -> bool:
    """Tell whether nothing answered; the library raises what its HTTP client raises."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _absent(hf_id: str) -> NotFoundError:
    return NotFoundError(
        f"Hugging Face shows no model {hf_id}",
        why="there is none of that name, or it is private",
        advice="check its name; for a private one export HF_TOKEN=...",
    )


def _failed(hf_id: str, error: Exception) -> PlannerError:
    return PlannerError(
        f"Hugging Face does not give {hf_id}",
        why=str(error).splitlines()[0],
        advice="try again, or a folder with its config.json",
    )
