"""Contents of the wheel and of the sdist."""

import re
import subprocess
import tarfile
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

import osrmac
from tests.documents import ROOT
from tests.package.building import build

pytestmark = pytest.mark.integration


def files_of_the_package() -> set[str]:
    files = (path for path in (ROOT / "osrmac").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(wheel: Path) -> None:
    folder = f"osrmac-{osrmac.__version__}.dist-info"
    metadata = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    package = files_of_the_package()
    assert {".css", ".html", ".js", ".py", ".svg"} <= {Path(file).suffix for file in package}
    assert "osrmac/py.typed" in package
    with ZipFile(wheel) as archive:
        assert set(archive.namelist()) == package | {f"{folder}/{name}" for name in metadata}


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    build(source, tmp_path / "dist", "wheel")
    (built,) = (tmp_path / "dist").iterdir()
    assert built.name == wheel.name
    assert built.read_bytes() == wheel.read_bytes()


def test_the_sdist_holds_what_development_needs_and_no_caches(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [Path(*Path(name).parts[1:]) for name in archive.getnames()]
    tops = {name.parts[0] for name in names}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert tops >= {Path(file).parts[0] for file in tracked.splitlines()}
    ignored = {".gpu", "__pycache__", "build"}
    assert not {part for name in names for part in name.parts if part.startswith(".venv") or part in ignored}


def test_links_of_the_description_lead_into_the_repository(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        metadata = message_from_string(archive.read(name).decode())
    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload()
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert "https://github.com/OWNER/osrmac/raw/main/docs/figures/search.png" in links
    assert "https://github.com/OWNER/osrmac/blob/main/docs/api.md" in links
    assert [link for link in links if not link.startswith("https://")] == []
