"""Agreement of `pyproject.toml`, `constraints.txt`, `requirements.lock` and what the package imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import pairwise

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.documents import ROOT

LOCKED_EXTRAS = ("cluster", "demo", "heif", "serve")
PART_OF = {"anyio": "starlette", "markupsafe": "jinja2", "yarl": "aiohttp"}
"""Packages that belong to the interface of another one, which requires them."""


@pytest.fixture(scope="module")
def project() -> dict[str, list[Requirement]]:
    """Requirements of the project by extra; those of every installation under the empty name."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = {"": table["dependencies"], **table["optional-dependencies"]}
    return {extra: [Requirement(line) for line in lines] for extra, lines in lists.items()}


@pytest.fixture(scope="module")
def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


@pytest.fixture(scope="module")
def locked() -> dict[str, Requirement]:
    lines = re.findall(r"^([\w.-]+==.*?) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


def required(project: dict[str, list[Requirement]], *extras: str) -> Iterator[Requirement]:
    """Yield the requirements of some extras, and of the extras that these include."""
    for extra in extras:
        for requirement in project[extra]:
            if requirement.name == "osrmac":
                yield from required(project, *requirement.extras)
            else:
                yield requirement


def imported() -> set[str]:
    """Return the top-level names of other projects that modules of the package import."""
    names: set[str] = set()
    for file in (ROOT / "osrmac").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"osrmac"}


def test_every_import_is_of_a_declared_requirement(project: dict[str, list[Requirement]]) -> None:
    users = [extra for extra in project if extra not in {"bench", "browser", "dev", "docs", "test"}]
    declared = {canonicalize_name(requirement.name) for requirement in required(project, *users)}
    packages = packages_distributions()
    for name in imported():
        package = canonicalize_name(packages[name][0])
        assert PART_OF.get(package, package) in declared, name


def test_every_requirement_is_pinned_at_a_version_that_it_allows(
    project: dict[str, list[Requirement]], constraints: dict[str, Requirement]
) -> None:
    for requirement in required(project, *project):
        (pin,) = constraints[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), requirement


def test_the_lock_file_has_all_requirements_of_its_extras(
    project: dict[str, list[Requirement]], locked: dict[str, Requirement]
) -> None:
    needed = {canonicalize_name(requirement.name) for requirement in required(project, "", *LOCKED_EXTRAS)}
    assert len(needed) > 20
    assert needed - locked.keys() == set()


def test_the_lock_file_has_the_versions_of_the_constraints(
    constraints: dict[str, Requirement], locked: dict[str, Requirement]
) -> None:
    assert len(locked) > 100
    for name, pin in locked.items():
        if name in constraints:
            assert pin.specifier == constraints[name].specifier, name
        else:  # not needed where the constraints were made
            assert pin.marker is not None, name
            assert not pin.marker.evaluate(), name


def test_the_lock_file_has_hashes_and_names_no_place() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    kinds = r"( *#.*|[\w.-]+==\S+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?)"
    assert [line for line in lines if not re.fullmatch(kinds, line)] == []
    assert not any("/" in line for line in lines)
    for line, following in pairwise(lines):
        assert not line.endswith("\\") or following.startswith("    --hash=")
