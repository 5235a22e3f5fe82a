"""The container image's definition, checked without building it."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from osrmac import __version__

from . import documents

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "image.md"


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def instructions(text: str) -> list[tuple[str, str]]:
    """Instructions of the Dockerfile and their arguments, without comments and continuation lines."""
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    split = (line.split(None, 1) for line in lines if line)
    return [(name, " ".join(arguments.split())) for name, arguments in split]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded


def arguments(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [value for found, value in instructions if found == name]


def test_the_image_has_the_extras_of_a_cluster_that_needs_no_network(
    instructions: list[tuple[str, str]], project: dict[str, Any]
) -> None:
    (install,) = (command for command in arguments(instructions, "RUN") if "--constraint" in command)
    extras = set(re.findall(r"'\.\[([\w,]+)\]'", install)[0].split(","))
    assert extras == {"lite", "demo", "serve", "heif", "cluster"}
    assert extras <= set(project["optional-dependencies"])
    assert "--constraint constraints.txt" in install


def test_the_second_installation_changes_no_dependency(instructions: list[tuple[str, str]]) -> None:
    *_, last = (command for command in arguments(instructions, "RUN") if "pip install" in command)
    assert "--no-deps ." in last


def test_the_default_python_is_supported(instructions: list[tuple[str, str]], project: dict[str, Any]) -> None:
    (base,) = (value for value in arguments(instructions, "ARG") if value.startswith("BASE="))
    supported = {word.rpartition(" ")[2] for word in project["classifiers"] if re.search(r":: 3\.\d+$", word)}
    assert re.findall(r"python:(3\.\d+)-slim", base)[0] in supported


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder(instructions: list[tuple[str, str]]) -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert patterns[0] == "*"
    admitted = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
    copied = [source for value in arguments(instructions, "COPY") for source in value.split()[:-1]]
    assert {"osrmac", "pyproject.toml"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists()
        assert any(fnmatch(Path(source).parts[0], pattern) for pattern in admitted), source


def test_containers_do_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    *_, user = arguments(instructions, "USER")
    assert int(user) > 0
    last = max(position for position, (name, _) in enumerate(instructions) if name == "USER")
    assert not [name for name, _ in instructions[last:] if name in {"RUN", "COPY", "ADD"}]


def test_ray_and_kuberay_find_the_programs_that_they_call(instructions: list[tuple[str, str]]) -> None:
    (packages,) = (command for command in arguments(instructions, "RUN") if "apt-get install" in command)
    assert {"openssh-client", "rsync", "wget"} <= set(packages.split())
    assert "PATH=/opt/osrmac/bin:$PATH" in arguments(instructions, "ENV")
    assert any("/etc/profile.d/" in command for command in arguments(instructions, "RUN"))


def test_any_command_can_be_given_to_a_container(instructions: list[tuple[str, str]]) -> None:
    assert arguments(instructions, "ENTRYPOINT") == ['["tini", "-g", "--"]']


def test_the_documented_commands_build_the_images_of_this_version(text: str) -> None:
    commands = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   docker build")]
    documented = [command for block in documents.blocks(PAGE) for command in block.commands]
    assert len(commands) == 2
    for command, suffix in zip(commands, ("", "-cuda"), strict=True):
        assert command in documented
        assert f"--tag osrmac:{__version__}{suffix} " in command
