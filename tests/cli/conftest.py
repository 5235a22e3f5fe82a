from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    """A folder with one image."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 60), "teal").save(tmp_path / "photos" / "a.png")
    return tmp_path / "photos"
