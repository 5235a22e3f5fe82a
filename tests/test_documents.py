"""Check the documentation against the code: commands, options, links, file names and docstrings."""

import argparse
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
import yaml

import osrmac
from osrmac.cli import app as cli
from osrmac.cli.commands import COMMANDS

from . import documents
from .documents import PAGES, ROOT, Block

CHANGELOG = ROOT / "CHANGELOG.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BLOCKS = [block for page in PAGES for block in documents.blocks(page)]
SPANS = sorted({span for page in PAGES if page != CHANGELOG for span in documents.spans(page)})
"""Inline code of all pages but the changelog, which also names what no longer exists."""

LANGUAGES = {"", "console", "csv", "json", "python", "sql", "yaml"}
COMMAND_LINE = ("osrmac.__main__", "osrmac.cli")
"""Modules without a reference page; `osrmac --help` documents them."""


def public_modules() -> list[str]:
    names = (module.name for module in pkgutil.walk_packages(osrmac.__path__, "osrmac."))
    return [name for name in names if not name.startswith(COMMAND_LINE)]


Parse = Callable[[list[str]], str]


def help_text(capsys: pytest.CaptureFixture[str], command: str) -> str:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    return capsys.readouterr().out


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Parse:
    """Parser of the real command line that returns the name of the command instead of running it."""
    called: list[str] = []

    def stub(name: str, command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def record(*_: Any, **__: Any) -> None:
            called.append(name)

        return record

    monkeypatch.setattr(
        "osrmac.cli.commands.COMMANDS", {name: stub(name, command) for name, command in COMMANDS.items()}
    )

    def run(arguments: list[str]) -> str:
        called.clear()
        cli.main(arguments)
        return called[0]

    return run


def test_code_blocks_have_a_known_language_and_parse() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    for block in BLOCKS:
        if block.language == "json":
            json.loads(block.code)
        elif block.language == "yaml":
            list(yaml.safe_load_all(block.code))
        elif block.language == "python":
            compile(block.code, str(block), "exec")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "console"], ids=str)
def test_console_blocks_are_valid_shell_and_valid_osrmac_commands(block: Block, parse: Parse) -> None:
    assert block.commands
    for command in block.commands:
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)
    for arguments in documents.osrmac_commands(block):
        if not arguments[0].startswith("-"):
            assert parse(arguments) == arguments[0]
    for script in re.findall(r"workflows/\w+\.py", block.code):
        assert (ROOT / script).is_file()


@pytest.mark.parametrize(
    "arguments",
    [["polish", "RUN"], ["info"], ["search", "RUN", "--best", "a.jpg"], ["fit", "RUN", "a"]],
    ids=" ".join,
)
def test_wrong_commands_are_rejected(arguments: list[str], parse: Parse) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)


def test_documented_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    existing = {"--version", "--quiet", "--debug", "--tyro-print-completion", "--working-dir"}
    existing |= {option for name in COMMANDS for option in re.findall(r"--[a-z][\w-]*", help_text(capsys, name))}
    alone = {span.split()[0] for span in SPANS if span.startswith("--")}
    in_commands = {
        option for span in SPANS if span.startswith("osrmac ") for option in re.findall(r"--[a-z][\w-]*", span)
    }
    assert len(alone) > 30
    assert in_commands
    assert (alone | in_commands) - existing == set()


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = (command for block in BLOCKS for command in block.commands)
    documented = {match[1] for text in (*SPANS, *typed) if (match := re.match(r"make (\w+)", text))}
    assert {"demo", "bench", "docs"} <= documented <= targets


def documented_benchmarks() -> list[str]:
    typed = [command for block in BLOCKS for command in block.commands]
    return sorted({text for text in (*SPANS, *typed) if text.startswith("python -m benchmarks.")})


class OptionsParsed(Exception):  # noqa: N818
    """Raised in place of running a benchmark."""


@pytest.mark.parametrize("command", documented_benchmarks())
def test_documented_benchmarks_exist_and_accept_their_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, module, *options = documents.words(command)
    parse_args = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        parse_args(parser, options)
        raise OptionsParsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    is_package = (ROOT / module.replace(".", "/")).is_dir()
    with pytest.raises(OptionsParsed):
        import_module(f"{module}.__main__" if is_package else module).main()


def test_every_benchmark_is_documented() -> None:
    scripts = {file.stem for file in (ROOT / "benchmarks").glob("*.py")} - {"common", "table"}
    scripts |= {file.parent.name for file in (ROOT / "benchmarks").glob("*/__main__.py")}
    assert {documents.words(command)[2].partition(".")[2] for command in documented_benchmarks()} == scripts


@pytest.mark.parametrize("page", PAGES, ids=documents.name)
def test_links_lead_to_existing_files_and_headings(page: Path) -> None:
    for link in documents.links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in documents.anchors(target), link


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= set(documents.links(index))


def test_the_architecture_names_existing_files() -> None:
    package = Path(osrmac.__path__[0])
    named = set(re.findall(r"[\w/]+\.py\b", ARCHITECTURE.read_text()))
    assert len(named) > 30
    assert {path for path in named if not (package / path).exists()} == set()


def test_the_architecture_lists_every_package_and_top_level_module() -> None:
    modules = {
        f"{module.name}/" if module.ispkg else f"{module.name}.py" for module in pkgutil.iter_modules(osrmac.__path__)
    }
    assert modules - {"__main__.py"} <= set(documents.spans(ARCHITECTURE))


@pytest.mark.parametrize("name", public_modules())
def test_public_names_have_docstrings(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    undocumented = [
        f"{name}.{public}" for public in getattr(module, "__all__", ()) if not has_docstrings(module, public)
    ]
    assert undocumented == []


def has_docstrings(module: ModuleType, name: str) -> bool:
    """Whether a function, or a class and all of its public methods, have docstrings; constants need none."""
    value = getattr(module, name)
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return True
    own = [member for key, member in vars(value).items() if not key.startswith("_")] if inspect.isclass(value) else []
    methods = [member for member in own if inspect.isfunction(member) or isinstance(member, property | classmethod)]
    return all(inspect.getdoc(documented) for documented in (value, *methods))


def pdoc_arguments() -> list[str]:
    """Return the arguments that `make docs` passes to Python."""
    dry_run = ["make", "--dry-run", "docs"]
    output = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (command,) = (line for line in output.replace("\\\n", " ").splitlines() if "-m pdoc" in line)
    return command.split()[1:]


def test_the_reference_covers_every_module() -> None:
    extract = pytest.importorskip("pdoc.extract", reason="pdoc is an extra that is not installed")
    specified = [word for word in pdoc_arguments() if word.startswith("osrmac")]
    assert set(public_modules()) <= set(extract.walk_specs(specified))


@pytest.mark.reference
def test_the_reference_is_generated_without_warnings(tmp_path: Path) -> None:
    options = [word.replace("build/docs", str(tmp_path)) for word in pdoc_arguments()]
    done = subprocess.run([sys.executable, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Describer" in (tmp_path / "osrmac" / "descriptor" / "describer.html").read_text()
