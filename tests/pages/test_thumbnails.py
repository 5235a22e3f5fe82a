"""Thumbnails of the images of a run."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail, thumbnails, thumbnails_by_id
from osrmac.storage.run import Run
from osrmac.types import Box

pytestmark = pytest.mark.usefixtures("local_ray")


def decode(thumbnail: Thumbnail) -> Image.Image:
    header, _, content = thumbnail.source.partition(",")
    assert header == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")


def test_a_thumbnail_is_small_and_links_to_its_image(finished: Run, photos: Path) -> None:
    uri = str(photos / "even" / "00.png")
    (thumbnail,) = thumbnails(finished, [(uri, None)], 48)
    assert max(decode(thumbnail).size) == 48
    assert thumbnail.link == Path(uri).as_uri()


def test_a_box_is_framed_in_red(finished: Run, photos: Path) -> None:
    uri = str(photos / "even" / "00.png")
    plain, framed = (decode(each) for each in thumbnails(finished, [(uri, None), (uri, (0, 0, 40, 60))], 120))
    red, green, blue = framed.getpixel((0, 30))  # type: ignore[misc]
    assert red > 150 > max(green, blue)
    assert framed.getpixel((0, 30)) != plain.getpixel((0, 30))


def test_a_box_is_drawn_at_its_place_in_a_photo_that_is_decoded_at_a_fraction_of_its_size(
    finished: Run, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (1600, 800), "white").save(photo)
    (thumbnail,) = thumbnails(finished, [(str(photo), (400, 0, 1600, 600))], 160)
    framed = decode(thumbnail)
    assert framed.size == (160, 80)
    reddest = np.asarray(framed, int)[..., 0] - np.asarray(framed, int)[..., 1] > 100
    rows, columns = np.nonzero(reddest)
    assert (columns.min(), rows.max()) == pytest.approx((40, 59), abs=1)
    assert (rows.min(), columns.max()) == (0, 159)


@pytest.mark.parametrize("box", [(200, 0, 300, 50), (-20, -20, -5, -5), (10, 10, 10, 10)])
def test_a_box_beside_the_image_draws_nothing(finished: Run, photos: Path, box: Box) -> None:
    uri = str(photos / "even" / "00.png")
    plain, framed = thumbnails(finished, [(uri, None), (uri, box)], 48)
    assert plain == framed


def test_an_image_that_cannot_be_read_has_an_empty_thumbnail(finished: Run, photos: Path) -> None:
    missing, cut = str(photos / "missing.png"), str(photos / "cut.png")
    assert list(thumbnails(finished, [(missing, None), (cut, None)], 48)) == [
        NO_THUMBNAIL,
        Thumbnail("", Path(cut).as_uri()),
    ]
    (salvaged,) = thumbnails(finished, [(cut, None)], 48, damaged=True)
    assert salvaged.source


def test_images_are_read_within_the_limits_of_the_run(run: Run, photos: Path) -> None:
    (run.location / "run.json").write_json(run.record() | {"reading": {"max_bytes": 10}})
    assert list(thumbnails(run, [(str(photos / "even" / "00.png"), None)], 48)) == [NO_THUMBNAIL]


def test_thumbnails_are_found_by_id_and_box(finished: Run) -> None:
    box = (0.0, 0.0, 40.0, 60.0)
    images = [("even/00.png", None), ("even/00.png", box), ("even/00.png", None), ("unknown.png", None)]
    shown = thumbnails_by_id(finished, images, 48)
    assert list(shown) == [("even/00.png", None), ("even/00.png", box)]
    assert len({thumbnail.source for thumbnail in shown.values()}) == 2
