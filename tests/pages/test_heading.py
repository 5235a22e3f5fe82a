import pytest

from osrmac.pages.heading import report_subtitle, report_title


@pytest.mark.parametrize(
    ("images", "title"),
    [
        ("/archive/harbour", "harbour"),
        ("/archive/harbour/", "harbour"),
        ("/archive/harbour/JPG", "harbour"),
        ("osrmac-demo/collection/images", "osrmac-demo"),
        ("s3://museum/prints", "prints"),
        ("s3://museum", "museum"),
        ("s3://museum/images/", "museum"),
        ("https://museum.org/lists/harbour.csv?version=2", "harbour.csv"),
        ("/archive/harbour/**/*.tif", "harbour"),
        ("photos.parquet", "photos.parquet"),
        ("/images/jpg", "jpg"),
        ("../images", "images"),
        ("*.jpg", "*.jpg"),
        (".", "."),
    ],
)
def test_the_title_is_the_last_part_of_the_path_that_says_something(images: str, title: str) -> None:
    assert report_title(images) == title


def test_the_subtitle_says_how_large_when_and_where() -> None:
    finished = "2026-11-07T07:53:38+00:00"
    assert report_subtitle("/archive/harbour/jpg", 1090, 10, 97_600_000, finished) == (
        "1,100 images · 97.6 MB · described on 7 November 2026 · /archive/harbour/jpg"
    )
    assert report_subtitle("photos", 1, 0, None, None) == "1 image · photos"
