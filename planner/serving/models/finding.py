"""Which model is meant by what people have: a name, an id, a folder, a file, an adapter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import DataError, PlannerError, UnknownNameError
from planner.serving import precision as precisions
from planner.serving.models import adapters, hub, names, reader, registry, weights
from planner.serving.models.model import Quantization

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models.model import Model

_MOST_BASES = 2  # an adapter of an adapter is not served


def find(text: str, *, parameters: int | None = None) -> Model:
    """Return the model that a text means; ``get`` knows it by its name from now on.

    In this order: a name, alias or id of the table; a folder or file of this machine; a model of
    the hub; another spelling or a variant of a model of the table.

    Args:
        text: What the user typed.
        parameters: All weights, where the user knows better than the configuration.

    Raises:
        UnknownNameError: It means none of these.
        PlannerError: What it means cannot be read.
    """
    if parameters is None:
        try:
            return registry.get(text)
        except UnknownNameError:
            pass
    return _known_from_now_on(_found(text, parameters), text)


def _found(text: str, parameters: int | None, depth: int = 1) -> Model:
    path = Path(text).expanduser()
    if path.exists():
        return _from_path(path.resolve(), parameters, depth)
    if hub.is_id(text):
        return _from_hub(text, parameters, depth)
    by_name = _by_name(text)
    if by_name is None:
        return registry.get(text)
    return by_name


def _from_path(path: Path, parameters: int | None, depth: int) -> Model:
    config = path / reader.ADAPTER
    alone = path.is_dir() and config.is_file() and not (path / reader.CONFIG).is_file()
    if alone:
        return _adapted(_json(config), str(path), path.name.lower(), depth)
    found = registry.from_config(path, parameters=parameters)
    folder = path if path.is_dir() or path.suffix == ".gguf" else path.parent
    if config.is_file():
        note = "an adapter lies beside the model: it is not merged, and not planned"
        found = replace(found, warnings=(*found.warnings, note))
    return replace(found, location=found.location or str(folder))


def _from_hub(hf_id: str, parameters: int | None, depth: int) -> Model:
    try:
        repository = hub.look_up(hf_id)
    except hub.HubNotReachableError:
        by_name = _by_name(hf_id)
        if by_name is None:
            raise
        return by_name
    adapter = repository.contents.get(reader.ADAPTER)
    if adapter is not None and reader.CONFIG not in repository.contents:
        return _adapted(adapter, hf_id, hf_id.rpartition("/")[2].lower(), depth)
    return hub.model(repository, parameters=parameters)


def _adapted(config: Mapping[str, Any], location: str, name: str, depth: int) -> Model:
    wanted = adapters.base_of(config, location)
    if depth >= _MOST_BASES:
        raise DataError(f"{location} is an adapter of an adapter", advice=f"merge {wanted} first")
    try:
        base = registry.get(wanted)
    except UnknownNameError:
        try:
            base = _found(wanted, None, depth + 1)
        except PlannerError as error:
            raise DataError(
                f"{location} is an adapter for {wanted}, which cannot be read",
                why=". ".join(part for part in (str(error), error.why) if part),
                advice=f"planner models {wanted}",
            ) from error
    return adapters.on(base, config, location=location, name=name)


def _by_name(text: str) -> Model | None:
    """Return a model of the table under another spelling, or its sibling that a name implies."""
    meaning = names.meaning(text, registry.rows().values())
    if meaning is None:
        return None
    found = registry.get(meaning.model)
    if not meaning.precision or meaning.precision == found.native_precision:
        return found
    bits = precisions.get(meaning.precision).bits
    note = f"read by its name as {found.name} in {meaning.precision}: the hub was not asked"
    size = weights.loaded_bytes(found, meaning.precision)
    return replace(
        found,
        name=text.rpartition("/")[2].lower(),
        aliases=(),
        hf_id=text if "/" in text else found.hf_id,
        native_precision=meaning.precision,
        loaded_bytes=size,
        files_bytes=size,
        quantization=Quantization(meaning.method, bits, form=meaning.form),
        parts=weights.at_precision(found, meaning.precision),
        warnings=(note,),
    )


def _known_from_now_on(model: Model, text: str) -> Model:
    """Return the model under a name of its own, and let ``get`` know it by what was typed."""
    if registry.in_table(model):
        registry.call(model, text)
        return model
    named = replace(model, name=_free_name(model))
    registry.add(named, text)
    return named


def _free_name(model: Model) -> str:
    """Return a name in small letters that no model of the table has."""
    name = model.name.lower()
    if name not in registry.rows():
        return name
    owner = model.hf_id.partition("/")[0] if "/" in model.hf_id else "own"
    return f"{owner}-{name}".lower()


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}", why=str(error)) from error
    return content if isinstance(content, dict) else {}
