"""The pages say what is so: commands, outputs, figures and links are checked."""

from __future__ import annotations

import csv
import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from planner.cli.app import cli
from planner.pricing import gates
from planner.pricing.catalog import Catalog, Query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
_CODE = re.compile(r"^```(?P<kind>\w*)[ \w]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def script(name: str) -> ModuleType:
    """Load one of the scripts in docs/, which are not a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(page: Path) -> str:
    return page.name


def blocks(text: str, *kinds: str) -> Iterator[str]:
    return (match["body"] for match in _CODE.finditer(text) if match["kind"] in kinds)


def test_the_command_reference_is_what_help_says() -> None:
    # In a process of its own: click keeps the help option a command was first asked with, and
    # tests that call a command without the root would leave -h out here.
    program = f"import runpy; print(runpy.run_path({str(DOCS / 'make_commands.py')!r})['page']())"
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert f"{page}\n" == made.stdout, "run: .venv/bin/python docs/make_commands.py"


@pytest.mark.long
@pytest.mark.parametrize("page", script("make_examples").PAGES, ids=named)
def test_examples_print_what_the_page_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert script("make_examples").refreshed(text) == text, (
        "run: .venv/bin/python docs/make_examples.py"
    )


@pytest.mark.long
def test_the_picture_in_the_readme_is_of_what_the_command_prints() -> None:
    made = script("make_pictures")
    assert made.PICTURE.read_text(encoding="utf-8") == made.picture(), (
        "run: .venv/bin/python docs/make_pictures.py"
    )


def test_the_picture_asks_nobody_for_anything() -> None:
    text = script("make_pictures").PICTURE.read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\"')\s]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_examples_are_true(page: Path) -> None:
    # A fence right below an expected output would be taken for a part of it.
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(examples).failed == 0


def _command_lines() -> list[tuple[str, str]]:
    found = []
    written = [page for page in PAGES if page.name != "commands.md"]  # that one is generated
    for page in written:
        # In a sentence, a whole command; "planner size MODEL ..." stands for many.
        inline = re.findall(r"`(planner [^`]+)`", page.read_text(encoding="utf-8"))
        commands = (" ".join(line.split()) for line in inline)
        found += [
            (page.name, line) for line in commands if not re.search(r"\.\.\.|\||[\[\]/]", line)
        ]
        for body in blocks(page.read_text(encoding="utf-8"), "sh", "console", "bash", "text", ""):
            lines = body.replace("\\\n", " ").splitlines()
            typed = [line for line in lines if line.startswith("$ ")]
            for line in typed or lines:  # where a prompt tells them apart, the rest is output
                command = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
                if command.startswith("planner "):
                    found.append((page.name, command))
    return sorted(set(found))


@pytest.mark.parametrize(("page", "line"), _command_lines())
def test_every_command_on_a_page_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    until = next((i for i, word in enumerate(words) if word in {"|", ">", ">>"}), len(words))
    command: click.Command = cli
    context = click.Context(cli, info_name="planner")
    rest = words[1:until]
    while isinstance(command, click.Group):
        _, rest, _ = command.make_parser(context).parse_args(rest)
        if not rest or rest[0].isupper():
            return
        found = command.get_command(context, rest[0])
        assert found is not None, f"{page}: no command {rest[0]!r}"
        command, context, rest = found, click.Context(found, parent=context), rest[1:]
    _, left, _ = command.make_parser(context).parse_args(rest)
    assert not left, f"{page}: {command.name} takes no {left[0]!r}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target or not path:
            continue
        assert (page.parent / path).exists(), target
        assert not anchor or anchor in _anchors(page.parent / path), target


def _anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r"^\((.+)\)=$", text, re.MULTILINE))


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set(re.findall(r"^([\w-]+)$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert pages <= listed, "name the page in docs/index.md"
    assert {name for name in listed if not (DOCS / f"{name}.md").exists()} == set()


def test_every_price_source_and_every_gate_is_explained() -> None:
    text = (DOCS / "data-sources.md").read_text(encoding="utf-8")
    with (ROOT / "pricing_data" / "sources.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        pattern = f"| {row['source']} | "
        line = next((x for x in text.splitlines() if x.startswith(pattern)), None)
        assert line is not None, row["source"]
    assert set(re.findall(r"\| `(\w+)` \|$", text, re.MULTILINE)) == {
        gate.__name__ for gate in gates.GATES
    }


@pytest.mark.long
def test_the_amounts_of_data_are_those_of_the_data() -> None:
    catalog = Catalog()
    offers = catalog.history(Query(as_of=date(2026, 11, 23)))
    types = {(offer.service, offer.instance_type) for offer in offers}
    regions = {offer.region for offer in offers}
    page = " ".join((DOCS / "data-sources.md").read_text(encoding="utf-8").split())
    assert (
        f"planner ships {len(offers):,} prices of {len(types)} instance types "
        f"in {len(regions)} regions, in {len(catalog.snapshots)} dated snapshots"
    ) in page
    for name in ("README.md", "CHANGELOG.md"):
        text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
        assert f"{len(offers):,}" in text
        assert f"{len(types)} instance types" in text
    tables = re.findall(
        r"^\| `(\w+\.csv)` \| ([\d,]+) ", (DOCS / "data-sources.md").read_text(), re.MULTILINE
    )
    for table, amount in tables:
        with (ROOT / "pricing_data" / table).open(encoding="utf-8", newline="") as file:
            assert sum(1 for _ in csv.DictReader(file)) == int(amount.replace(",", "")), table


def test_the_readme_has_the_measured_errors_of_the_throughput_model() -> None:
    page = (DOCS / "throughput.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| one ([\w-]+) at a time \| (.+? %) \| (.+? %) \|$", re.MULTILINE)
    shown = row.findall(readme)
    assert len(shown) == 3
    for left_out, mean, median in shown:
        assert re.search(rf"^\| {left_out} \| \d+ \| {mean} \| {median} \|", page, re.MULTILINE)


def test_every_command_has_help_and_a_line_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command: Any = cli.get_command(context, name)
        assert command.help, name
        assert re.search(rf"\b{name}\b", changelog), f"{name} is not in CHANGELOG.md"
