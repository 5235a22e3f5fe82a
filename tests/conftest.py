"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no reason to fail.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def measuring_data() -> Path:
    """Real images, ground truths and known answers, which may not be redistributed."""
    folder = Path(os.environ.get("OSRMAC_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"there is no measuring data at {folder}: name its folder in OSRMAC_DATA")
    return folder
