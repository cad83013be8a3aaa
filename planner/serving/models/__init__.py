"""What a model is: the table of known models, and any Hugging Face configuration."""

from planner.serving.models.registry import Model, add, all_models, from_config, get

__all__ = ["Model", "add", "all_models", "from_config", "get"]
