"""Contact sheets of a run's near-duplicates."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.pages import duplicates_sheet as module
from osrmac.pages.duplicates_sheet import duplicates_sheet
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.storage.run import Run
from tests.pages.html import parse

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture
def duplicates(photos: Path) -> Duplicates:
    """A group of a picture, its copy and another picture, and one of a picture and a lost one."""
    time = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)

    def group(*names: str) -> tuple[Twin, ...]:
        return tuple(
            Twin(name, str(photos / name), 90, 120, 0.125, name == names[0], 2048 if name == names[0] else None, time)
            for name in names
        )

    groups = (group("copy0.png", "even/00.png", "even/02.png"), group("odd/01.png", "lost.png"))
    return Duplicates("single", "l1", 0.5, 0.9, "for copies", 2, 0, groups)


def test_each_image_stands_beside_the_one_to_keep(finished: Run, duplicates: Duplicates) -> None:
    page = parse(duplicates_sheet(finished.url, duplicates))
    assert {"Group 1, 3 images", "Group 2, 2 images", "2", "5", "3"} <= set(page.texts)
    assert "0.5 (l1, pixels agree by 0.90, for copies)" in page.texts
    pairs = [text for text in page.texts if text.endswith(".png")]
    assert pairs[::2] == ["copy0.png", "copy0.png", "copy0.png", "copy0.png", "odd/01.png", "odd/01.png"]
    assert pairs[1::2] == ["even/00.png", "even/00.png", "even/02.png", "even/02.png", "lost.png", "lost.png"]
    assert page.texts.count("✓ Keep") == page.texts.count("Copy") == 6
    assert {"90 × 120 pixels", "2.0 kB", "2020-01-02", "distance 0.125"} <= set(page.texts)  # noqa: RUF001


def test_differences_are_shown_where_two_pictures_align(finished: Run, duplicates: Duplicates) -> None:
    page = parse(duplicates_sheet(finished.url, duplicates))
    named = [name for name in page.values("svg", "aria-label") if name and name.startswith("Difference")]
    assert named == ["Difference of copy0.png and even/00.png"] * 2
    assert "".join(page.texts).count("do not align") == 2
    assert "".join(page.texts).count("cannot be compared") == 2
    assert len(page.values("image", "href")) == 3 + 1  # the copy is embedded once


def test_other_shots_of_a_scene_are_not_called_copies(finished: Run, duplicates: Duplicates) -> None:
    page = parse(duplicates_sheet(finished.url, replace(duplicates, agreement=None)))
    assert "Copy" not in page.texts
    assert page.texts.count("Other") == 6


def test_a_sheet_has_a_limited_number_of_pairs(
    finished: Run, duplicates: Duplicates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, groups in ((1, 1), (2, 2), (3, 2)):
        monkeypatch.setattr(module, "_MAX_PAIRS", limit)
        page = parse(duplicates_sheet(finished.url, duplicates))
        assert len(page.values("section", "class")) == groups
        assert page.values("li", "class") == [None] * limit
        assert (f"3, {limit} of them shown" in page.texts) == (limit < 3)
        assert ("Group 1, 3 images, the first 2 shown" in page.texts) == (limit < 3)


def test_a_collection_without_near_duplicates_says_so(finished: Run, duplicates: Duplicates) -> None:
    page = parse(duplicates_sheet(finished.url, replace(duplicates, groups=())))
    assert "No near-duplicates were found." in page.texts


def test_the_users_own_columns_are_below_an_image(finished: Run, duplicates: Duplicates) -> None:
    (first, *others), *_ = duplicates.groups
    group = (replace(first, columns={"title": "<b>A</b>", "year": None}), *others)
    page = parse(duplicates_sheet(finished.url, replace(duplicates, groups=(group,))))
    assert page.texts.count("title") == page.texts.count("<b>A</b>") == 4  # in two pairs, twice each
    assert "year" not in page.texts
