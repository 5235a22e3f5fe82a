"""What a release needs agrees: versions, pins, workflows, and the owner of the repository."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import osrmac

from .documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="not a checkout, but a source distribution")

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in load(workflow)["jobs"].values() for step in job["steps"]]


def tracked() -> dict[str, str]:
    """Return the text files of the repository by path."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    texts = {}
    for name in listed.stdout.splitlines():
        if Path(name).suffix not in {".png", ".jpg", ".parquet"} and (ROOT / name).is_file():
            texts[name] = (ROOT / name).read_bytes().decode(errors="replace")
    return texts


def test_the_newest_version_of_the_changelog_and_the_citation_is_that_of_the_package() -> None:
    citation = load(ROOT / "CITATION.cff")
    version, date = re.findall(r"^## \[([\d.]+)\] - (\S+)$", CHANGELOG, re.MULTILINE)[0]
    assert version == citation["version"] == osrmac.__version__
    assert date == str(citation["date-released"])


def test_every_version_of_the_changelog_has_a_link() -> None:
    versions = re.findall(r"^## \[([\d.]+)\]", CHANGELOG, re.MULTILINE)
    assert versions == re.findall(r"^\[([\d.]+)\]: https://", CHANGELOG, re.MULTILINE)


def release_notes(tag: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / ".ci" / "release_notes.py"), tag]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    done = release_notes(f"v{osrmac.__version__}")
    assert done.returncode == 0
    assert done.stdout.strip() in CHANGELOG
    assert done.stdout.startswith("### ")
    assert "\n## " not in done.stdout
    assert "]: https://" not in done.stdout


def test_a_tag_of_another_version_is_refused() -> None:
    done = release_notes("v99.0.0")
    assert done.returncode == 1
    assert "the tag v99.0.0 is not of version" in done.stderr


def test_the_hooks_have_the_versions_of_the_constraints() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    hooks = {repo["repo"]: repo.get("rev") for repo in load(ROOT / ".pre-commit-config.yaml")["repos"]}
    assert hooks["https://github.com/astral-sh/ruff-pre-commit"] == f"v{pins['ruff']}"
    checker = hooks["https://github.com/python-jsonschema/check-jsonschema"]
    assert f"check-jsonschema=={checker} " in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    loaded = load(workflow)
    assert loaded["permissions"] == {"contents": "read"}
    assert "concurrency" in loaded
    assert all("timeout-minutes" in job for job in loaded["jobs"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_version_and_checkouts_keep_no_credentials(workflow: Path) -> None:
    for step in steps(workflow):
        if "uses" in step:
            assert re.search(r"@(v\d+|release/v\d+)$", step["uses"])
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_targets_that_the_workflows_make_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {
        word for path in WORKFLOWS for line in re.findall(r"make ([a-z ]+)", path.read_text()) for word in line.split()
    }
    made |= set(load(ROOT / ".github" / "workflows" / "weekly.yml")["jobs"]["suite"]["strategy"]["matrix"]["suite"])
    assert {"check", "test", "image", "coverage"} <= made
    assert made - targets == set()


def test_ci_tests_every_python_that_the_package_names() -> None:
    classified = set(re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text()))
    matrix = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert classified <= set(matrix["python"])


def test_all_addresses_of_the_project_have_one_owner() -> None:
    texts = tracked()
    address = re.compile(r"(?:github\.com|ghcr\.io)/([\w.-]+)/osrmac\b")
    owners = {owner for text in texts.values() for owner in address.findall(text)}
    assert len(owners) == 1


def test_the_placeholder_of_the_owner_is_in_addresses_only() -> None:
    elsewhere = re.compile(r"(?<!github\.com/)(?<!ghcr\.io/)\bOWNER\b")
    found = {name for name, text in tracked().items() if elsewhere.search(text)}
    assert found <= {"CONTRIBUTING.md", "tests/test_release.py", "osrmac/descriptor/edits.py"}  # the last, in a picture
