"""The structure of the package, by its imports: no circles, and arrows that point one way."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import planner

HOME = Path(planner.__file__).parent

# Cloud SDKs and heavy libraries that the pure core never touches.
SDKS = {"boto3", "botocore", "azure", "google", "sagemaker", "requests", "httpx", "httpx2"}
CORE = ["plan", "errors", "serving", "pricing.cost", "pricing.offer", "pricing.estimates"]

# layer -> what it must never import, directly. The first part of a module's name is its layer.
FORBIDDEN = {
    "errors": {"*"},
    "serving": {"pricing", "planning", "reports", "quotas", "endpoints", "clouds", "ledger", "cli"},
    "pricing": {"serving", "planning", "reports", "quotas", "endpoints", "ledger", "cli"},
    "plan": {"planning", "reports", "quotas", "endpoints", "clouds", "ledger", "cli"},
    "clouds": {"serving", "pricing", "planning", "reports", "quotas", "endpoints", "cli"},
    "ledger": {"serving", "pricing", "planning", "reports", "quotas", "endpoints", "cli"},
    "planning": {"actuals", "reports", "quotas", "endpoints", "clouds", "cli", "sandbox"},
    "quotas": {"planning", "reports", "endpoints", "cli", "sandbox"},
    "endpoints": {"planning", "reports", "cli"},
    "actuals": {"quotas", "reports", "cli", "sandbox"},
    "reports": {"actuals", "endpoints", "cli", "sandbox"},
}
# What joins two layers on purpose: a function given from above would only hide the arrow.
ALLOWED = {
    ("pricing", "serving"): {"planner.serving.accelerators", "planner.serving.table"},
}

# Programs of their own: the maintainers' fit, and the engine's process.
PROGRAMS = {"planner.serving.speed.shipping", "planner.endpoints.local.llama_cpp"}


@cache
def modules() -> dict[str, Path]:
    """Return every module of planner by its dotted name."""
    found = {}
    for path in HOME.rglob("*.py"):
        parts = path.relative_to(HOME.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports(tree: ast.AST) -> set[str]:
    """Return the names a module imports when it runs, those inside functions included."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if _is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Return the names that a module imports, whole."""
    return frozenset(_imports(ast.parse(modules()[module].read_text())))


def edges(module: str) -> set[str]:
    """Return the planner modules that a module imports; ``a.b`` where ``a`` gives ``b``."""
    found = set()
    for name in imports(module):
        if not name.startswith("planner"):
            continue
        target = name if name in modules() else name.rpartition(".")[0]
        if target in modules():
            found.add(target)
    return found - {module}


def _layer(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


@pytest.mark.long
def test_no_module_imports_itself_by_a_detour() -> None:
    # A package's front page imports its own parts, and parts may name their package's neighbours.
    graph = {
        module: {
            target
            for target in edges(module)
            if not module.startswith(f"{target}.") or target not in _front_pages()
        }
        for module in modules()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(error.args[1]))


@cache
def _front_pages() -> frozenset[str]:
    return frozenset(name for name, path in modules().items() if path.name == "__init__.py")


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_point_one_way(layer: str) -> None:
    wrong = []
    for module in modules():
        if _layer(module) != layer:
            continue
        for target in edges(module):
            to = _layer(target)
            banned = FORBIDDEN[layer]
            if to == layer or not ({to, "*"} & banned):
                continue
            if target not in ALLOWED.get((layer, to), set()):
                wrong.append(f"{module} -> {target}")
    assert not wrong, "\n".join(sorted(wrong))


def test_the_core_imports_no_sdk() -> None:
    wrong = [
        f"{module} -> {name}"
        for module in modules()
        if module.removeprefix("planner.").startswith(tuple(CORE))
        for name in imports(module)
        if name.split(".")[0] in SDKS
    ]
    assert not wrong


def _prints(path: Path) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "click.echo"}
        for node in ast.walk(ast.parse(path.read_text()))
    )


@pytest.mark.long
def test_nothing_below_the_command_line_prints() -> None:
    talks = {m for m, path in modules().items() if _prints(path)}
    assert {m for m in talks if _layer(m) not in {"cli", "sandbox", "__main__"}} <= PROGRAMS


def test_a_module_is_read_at_one_sitting() -> None:
    long = {
        module: lines
        for module, path in modules().items()
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
