"""What a model is: the table of known models, and any folder, file, id or adapter."""

from planner.serving.models.finding import find
from planner.serving.models.hub import published
from planner.serving.models.model import Adapter, Cache, Model, Part, Quantization
from planner.serving.models.registry import (
    add,
    all_models,
    forget,
    from_config,
    get,
    in_table,
    rows,
)
from planner.serving.models.weights import loaded_bytes, padding_bytes, table_bytes, whole_bytes

__all__ = [
    "Adapter",
    "Cache",
    "Model",
    "Part",
    "Quantization",
    "add",
    "all_models",
    "find",
    "forget",
    "from_config",
    "get",
    "in_table",
    "loaded_bytes",
    "padding_bytes",
    "published",
    "rows",
    "table_bytes",
    "whole_bytes",
]
