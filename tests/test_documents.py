"""The documentation says what is so: its commands, options, links and reference."""

import argparse
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, get_type_hints

import pytest
import yaml
from tyro.extras import SubcommandApp

import osrmac
from osrmac.cli import app as cli

from . import documents
from .documents import PAGES, ROOT, Block

BLOCKS = [block for page in PAGES for block in documents.blocks(page)]
SPANS = sorted({span for page in PAGES for span in documents.spans(page)})
LANGUAGES = {"", "console", "csv", "json", "python", "sql", "yaml"}
ENTRIES = ("osrmac.__main__", "osrmac.cli", "osrmac.cli.app", "osrmac.cli.output")
"""What has no reference: the command has its help."""


def modules() -> list[str]:
    """Every module that is to be imported by users."""
    found = (module.name for module in pkgutil.walk_packages(osrmac.__path__, "osrmac."))
    return [name for name in found if name not in ENTRIES]


Parse = Callable[[list[str]], str]


def helped(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    return capsys.readouterr().out


@pytest.fixture
def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The names of all commands."""
    found = re.search(r"\{([a-z,]+)\}", helped(capsys))
    assert found
    return found[1].split(",")


@pytest.fixture
def parse(commands: list[str], monkeypatch: pytest.MonkeyPatch) -> Parse:
    """Parses a command with the real command line, whose functions do nothing; the name of the one that is called."""
    called: list[str] = []

    def idle(name: str) -> Callable[..., None]:
        function = {"run": cli.run_all}.get(name) or getattr(cli, name)

        def noted(*_: Any, **__: Any) -> None:
            called.append(name)

        noted.__dict__["__signature__"] = inspect.signature(function, eval_str=True)
        noted.__annotations__ = get_type_hints(function, include_extras=True)
        return noted

    app = SubcommandApp()
    for name in commands:
        app.command(name=name)(idle(name))
    monkeypatch.setattr(cli, "app", app)

    def run(arguments: list[str]) -> str:
        called.clear()
        cli.main(arguments)
        return called[0]

    return run


def test_every_block_is_of_a_known_language_and_what_is_data_parses() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    for block in BLOCKS:
        if block.language == "json":
            json.loads(block.code)
        elif block.language == "yaml":
            list(yaml.safe_load_all(block.code))
        elif block.language == "python":
            compile(block.code, str(block), "exec")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "console"], ids=str)
def test_what_is_typed_is_shell_and_osrmac_takes_it(block: Block, parse: Parse) -> None:
    assert block.commands
    for command in block.commands:
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)
    for arguments in documents.osrmac_commands(block):
        if not arguments[0].startswith("-"):
            assert parse(arguments) == arguments[0]
    for script in re.findall(r"workflows/\w+\.py", block.code):
        assert (ROOT / script).is_file()


def test_a_command_that_is_wrong_is_seen(parse: Parse, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["polish", "RUN"],
        ["info"],
        ["search", "RUN", "--best", "a.jpg"],
        ["fit", "RUN", "a"],
    ):
        with pytest.raises(SystemExit):
            parse(wrong)


def test_every_option_that_is_named_exists(commands: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    known = {"--debug", "--tyro-print-completion", "--working-dir"}
    known |= {option for name in commands for option in re.findall(r"--[a-z][\w-]*", helped(capsys, name))}
    named = {span.split()[0] for span in SPANS if span.startswith("--")}
    assert len(named) > 30
    assert named <= known
    inline = {option for span in SPANS if span.startswith("osrmac ") for option in re.findall(r"--[a-z][\w-]*", span)}
    assert inline
    assert inline <= known


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = (command for block in BLOCKS for command in block.commands)
    named = {found[1] for text in (*SPANS, *typed) if (found := re.match(r"make (\w+)", text))}
    assert {"demo", "bench", "docs"} <= named <= targets


def benchmarks_named() -> list[str]:
    typed = [command for block in BLOCKS for command in block.commands]
    return sorted({text for text in (*SPANS, *typed) if text.startswith("python -m benchmarks.")})


class ParsedError(Exception):
    """A benchmark has read its options."""


@pytest.mark.parametrize("command", benchmarks_named())
def test_every_benchmark_exists_and_takes_its_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, module, *options = documents.written(command)
    read = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        read(parser, options)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", only_parse)
    with pytest.raises(ParsedError):
        import_module(module).main()


def test_no_benchmark_is_left_out() -> None:
    scripts = {file.stem for file in (ROOT / "benchmarks").glob("*.py")} - {"measuring", "table"}
    assert {documents.written(command)[2].partition(".")[2] for command in benchmarks_named()} == scripts


@pytest.mark.parametrize("page", PAGES, ids=documents.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in documents.links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in documents.anchors(target), link


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= set(documents.links(index))


@pytest.mark.parametrize("name", modules())
def test_everything_public_has_a_docstring(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    missing = [f"{name}.{thing}" for thing in getattr(module, "__all__", ()) if not documented(module, thing)]
    assert missing == []


def documented(module: ModuleType, name: str) -> bool:
    """Whether a function or class, and each method that it defines, says what it is; values need not."""
    found = getattr(module, name)
    if not inspect.isclass(found) and not inspect.isfunction(found):
        return True
    own = [value for key, value in vars(found).items() if not key.startswith("_")] if inspect.isclass(found) else []
    members = [value for value in own if inspect.isfunction(value) or isinstance(value, property | classmethod)]
    return all(inspect.getdoc(each) for each in (found, *members))


def reference() -> list[str]:
    """What `make docs` hands to Python."""
    dry = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (command,) = (line for line in dry.replace("\\\n", " ").splitlines() if "-m pdoc" in line)
    return command.split()[1:]


def test_the_reference_has_every_module() -> None:
    extract = pytest.importorskip("pdoc.extract", reason="pdoc is an extra that is not installed")
    specified = [word for word in reference() if word.startswith("osrmac")]
    assert set(modules()) <= set(extract.walk_specs(specified))


@pytest.mark.reference
def test_the_reference_is_written_without_a_warning(tmp_path: Path) -> None:
    options = [word.replace("build/docs", str(tmp_path)) for word in reference()]
    done = subprocess.run([sys.executable, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Describer" in (tmp_path / "osrmac" / "descriptor" / "describer.html").read_text()
