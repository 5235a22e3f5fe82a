from pathlib import Path

import pytest

from osrmac.storage.location import Location


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty folder on a local and on a remote file system."""
    return Location.of(tmp_path if request.param == "local" else f"memory://{tmp_path.name}")
