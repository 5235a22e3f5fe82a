from pathlib import Path

import pytest
from PIL import Image

from osrmac.commands.cam import cam
from osrmac.config import BackboneConfig
from osrmac.errors import NotFoundError, StorageError

RESNET = BackboneConfig(backbone="resnet18", weights="random:0", image_sizes=(96,))


def test_a_picture_is_written_in_the_format_of_its_name(photos: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "map.jpg")
    assert cam(str(photos / "even" / "00.png"), output, RESNET) == output
    with Image.open(output) as picture:
        assert picture.format == "JPEG"
        assert picture.width > 2 * picture.height


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("gone.png", NotFoundError, "cannot read .*gone.png: "),
        ("page.jpg", StorageError, "cannot read .*page.jpg: "),
        ("empty.jpg", StorageError, "cannot read .*empty.jpg: the file is empty"),
    ],
)
def test_an_image_that_cannot_be_read_is_named(
    name: str, error: type[Exception], message: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        cam(str(photos / name), str(tmp_path / "cam.png"), RESNET)
    assert not (tmp_path / "cam.png").exists()
