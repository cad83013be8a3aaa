"""Which model is meant, and where its weights are: planner's table, a folder, a file, the hub."""

from __future__ import annotations

import http
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from planner.endpoints.deploying import access
from planner.endpoints.local import engines
from planner.errors import NotFoundError, PlannerError, UnknownNameError
from planner.serving import models
from planner.serving.models import Model, gguf_model

_HUB = "https://huggingface.co"
_TIMEOUT_S = 30
_CLOSED = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)
# A GGUF file with so many bits a parameter or more is not quantized below that.
_BITS = ((12, "fp16"), (6, "int8"), (0, "int4"))


@dataclass(frozen=True, slots=True)
class Source:
    """A model and its weights.

    Attributes:
        weights: A file or folder of this machine, or a Hugging Face id; empty where planner
            chooses them with the precision.
        weights_bytes: Of a file that is here; None where not known.
    """

    model: Model
    weights: str = ""
    weights_bytes: int | None = None

    @property
    def here(self) -> bool:
        """Tell whether the weights are on this machine already."""
        return bool(self.weights) and Path(self.weights).exists()

    @property
    def precision(self) -> str | None:
        """Return what a GGUF file is stored in, by its size; None where that is open."""
        if self.weights_bytes is None:
            return None
        bits = self.weights_bytes * 8 / (self.model.params_b * 1e9)
        return next(name for least, name in _BITS if bits >= least)


def find(text: str, weights: str = "") -> Source:
    """Return what a user's word for a model means.

    Args:
        text: A name of the table, a folder with a ``config.json``, a GGUF file, or a Hugging
            Face id.
        weights: Other weights of the same model; empty for its usual ones.

    Raises:
        UnknownNameError: None of these.
        DataError: A file of the model cannot be read.
        UsageError: A family planner cannot count the parameters of.
    """
    path = Path(text).expanduser()
    if path.exists():
        source = _from_path(path.resolve())
    else:
        source = Source(_known_or_on_hub(text), _hub_id(text))
    return _with_weights(source, weights) if weights else source


def _from_path(path: Path) -> Source:
    file = path if path.is_file() else gguf_model.in_folder(path)
    if file is not None and engines.is_gguf(file.name):
        model = models.from_config(file)
        return Source(model, str(file), round(model.files_bytes or 0))
    return Source(models.from_config(path), str(path))


def _with_weights(source: Source, weights: str) -> Source:
    path = Path(weights).expanduser()
    if not path.exists():
        return replace(source, weights=weights, weights_bytes=None)
    path = path.resolve()
    size = path.stat().st_size if engines.is_gguf(path.name) else None
    return Source(source.model, str(path), size)


def _known_or_on_hub(text: str) -> Model:
    try:
        return models.get(text)
    except UnknownNameError:
        if not _hub_id(text):
            raise
        return _from_hub(text)


def _hub_id(text: str) -> str:
    """Return the text if it has the form of a Hugging Face id that is not in the table."""
    parts = text.split("/")
    if len(parts) != 2 or not all(parts) or text.startswith((".", "~")):  # noqa: PLR2004 - owner/name
        return ""
    try:
        models.get(text)
    except UnknownNameError:
        return text
    return ""


def _from_hub(name: str) -> Model:
    """Read ``config.json`` of a model on the hub; ``HF_ENDPOINT`` names a mirror, as for others.

    The token is sent only where the hub shows nothing without it: that model is gated.
    """
    url = f"{os.environ.get('HF_ENDPOINT', _HUB).rstrip('/')}/{name}/resolve/main/config.json"
    token = next((os.environ[v] for v in access.TOKEN_VARIABLES if os.environ.get(v)), "")
    code, content = _get(name, url)
    gated = code in _CLOSED
    if gated and token:
        code, content = _get(name, url, token)
    if code != http.HTTPStatus.OK:
        raise _refused(name, code)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_bytes(content)
        found = models.from_config(path)
    return replace(
        found,
        name=name.split("/")[1],
        hf_id=name,
        gated="yes" if gated else "no",
        source=url,
    )


def _get(name: str, url: str, token: str = "") -> tuple[int, bytes]:
    """Return the status and the content of a page of the hub."""
    request = urllib.request.Request(url)  # noqa: S310 - the hub, or the user's own mirror
    if token:
        # Not to be carried over to another host by a redirect.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - as above
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except OSError as error:
        raise PlannerError(
            f"cannot read the configuration of {name}",
            why=f"{url}: {error}",
            advice="a model of planner's own (planner models), or a folder that is here",
        ) from error


def _refused(name: str, code: int) -> PlannerError:
    if code in _CLOSED:
        return NotFoundError(
            f"Hugging Face does not show {name}",
            why="it is gated or private, or there is no such model",
            advice=f"accept its licence at {_HUB}/{name} and export HF_TOKEN=...",
        )
    return NotFoundError(
        f"there is no model {name} on Hugging Face", why=f"HTTP {code}", advice="planner models"
    )
