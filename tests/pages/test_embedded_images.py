import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from osrmac.pages.embedded_images import embedded_images, longest_side
from osrmac.storage.run import Run

pytestmark = pytest.mark.usefixtures("local_ray")


def test_images_are_reduced_and_keep_their_size_in_words(finished: Run, photos: Path) -> None:
    uris = [str(photos / name) for name in ("even/00.png", "lost.png", "empty.jpg", "even/08.png", "copy0.png")]
    first, lost, empty, second, copy = embedded_images(finished, uris, 48)
    assert (lost, empty) == (None, None)
    assert first is not None
    assert second is not None
    image, pixels = second
    assert (image.id, image.width, image.height, image.link) == ("image-1", 90 + 7 * 8, 120, Path(uris[3]).as_uri())
    header, _, content = image.source.partition(",")
    assert header == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as embedded:
        assert embedded.size == pixels.size == (48, 39)
    assert copy is not None
    assert first[0].id == copy[0].id == "image-0"
    assert first[0].link != copy[0].link


@pytest.mark.parametrize(("images", "side"), [(0, 1280), (11, 1280), (110, 642), (1000, 360)])
def test_images_are_as_large_as_the_page_may_be(images: int, side: int) -> None:
    assert longest_side(images) == side
