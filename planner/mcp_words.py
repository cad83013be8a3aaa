"""What the tools of the MCP server take and give: arguments, rows, and errors in their words."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

Cloud = Literal["aws", "azure", "gcp"]
Geo = Literal["us", "eu", "ap", "all"]
Model = Annotated[
    str,
    Field(
        description="Model: a short name such as llama-2-70b, a Hugging Face id, or the path of a"
        " folder, a GGUF file or a LoRA adapter on this machine."
    ),
]
Precision = Annotated[
    Literal["bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4", "any"] | None,
    Field(description="Of the weights; null for the model's own, any for one row of each."),
]
Context = Annotated[int | None, Field(description="Tokens that a request may hold.")]
Ttft = Annotated[
    float | None,
    Field(description="Seconds to the first token that 19 of 20 requests stay under; null: any."),
]
Tpot = Annotated[float | None, Field(description="Seconds between two tokens, likewise.")]
KvPrecision = Annotated[
    Literal["fp16", "fp8"] | None,
    Field(description="Of the KV cache; null for what the engine keeps."),
]
Concurrency = Annotated[int, Field(description="Requests of that length held at once.")]
Clouds = Annotated[tuple[Cloud, ...], Field(description="Only these clouds; empty for all.")]
Regions = Annotated[tuple[str, ...], Field(description="Only these regions, whatever the geo.")]
Accelerators = Annotated[tuple[str, ...], Field(description="Such as H100 or A100-80GB.")]
InstanceTypes = Annotated[tuple[str, ...], Field(description="Such as p4d.24xlarge.")]
AsOf = Annotated[date | None, Field(description="The world as known on that date; null for today.")]
Top = Annotated[int, Field(ge=1, le=500, description="At most so many rows.")]

# Arguments that are not the option's name with underscores.
_ARGUMENTS = {
    "--ttft": "ttft_s",
    "--tpot": "tpot_s",
    "--cached": "cached_share",
    "--accelerator": "accelerators",
    "--cloud": "clouds",
    "--region": "regions",
    "--instance-type": "instance_types",
    "--max-monthly": "max_monthly_usd",
}

_COMMANDS = re.compile(r"planner (compare|fit|prices|models|report|size|throughput|history)\b")


def in_words_of_tools(text: str) -> str:
    """Return a message with the tools' arguments for the command line's options."""
    return re.sub(
        r"--[a-z][a-z0-9-]*",
        lambda found: _ARGUMENTS.get(found[0], found[0][2:].replace("-", "_")),
        text,
    )


def advice(text: str) -> str:
    """Return what to try next: a tool in place of a command, for an assistant has no terminal."""
    if not text.startswith("planner "):
        return in_words_of_tools(text)
    tool = _COMMANDS.match(text)
    return f"the tool {tool[1]}" if tool else ""


def rows(name: str, found: list[dict[str, Any]], top: int) -> dict[str, Any]:
    """Return the first rows, and how many there are in all."""
    return {f"{name}_in_all": len(found), name: plain(found[:top])}


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return the value as ``--format json`` prints it: numbers, not decimals in quotes."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
