from dataclasses import replace

from osrmac.pages.components import Galleries, Montage, Picture
from osrmac.pages.sections.overview import overview_images, overview_section
from osrmac.pages.thumbnails import Thumbnail
from osrmac.runs.overview.stored import Outlier, Overview, OverviewFacts

FACTS = OverviewFacts(
    method="osrmac", distance="l1", digest="", shards="", images=1100, sampled=1100, threshold=1.234567
)
GROUP = tuple(f"{number}.jpg" for number in range(7))
OUTLIERS = tuple(Outlier(f"odd{number}.jpg", 30.0 - number) for number in range(20))
FOUND = Overview((GROUP, ("a.jpg", "b.jpg")), {}, OUTLIERS, 20.0, FACTS, None)


def test_groups_are_a_montage_and_outliers_a_gallery() -> None:
    images = overview_images(FOUND)
    assert images[:7] == [(name, None) for name in (*GROUP[:5], "a.jpg", "b.jpg")]
    assert images[7:] == [(f"odd{number}.jpg", None) for number in range(10)]
    section = overview_section(FOUND, {("0.jpg", None): Thumbnail("data:0", "")})
    assert section is not None
    montage, galleries = section.blocks
    assert isinstance(montage, Montage)
    assert isinstance(galleries, Galleries)
    assert [group.title for group in montage.groups] == ["7 images", "2 images"]
    assert montage.groups[0].names == GROUP
    assert montage.groups[0].pictures[:2] == [Picture("0.jpg", "", Thumbnail("data:0", "")), Picture("1.jpg", "")]
    (gallery,) = galleries.galleries
    assert (gallery.pictures[0].name, gallery.pictures[0].note) == ("odd0.jpg", "1.50 \u00d7")
    assert section.note == (
        "9 of 1,100 images belong to 2 groups, each of an object or scene (average linkage of osrmac vectors, l1 up to "
        "1.235)."
    )


def test_the_largest_of_many_groups_are_shown() -> None:
    section = overview_section(replace(FOUND, groups=[("a", "b")] * 30, outliers=()), {})
    assert section is not None
    (montage,) = section.blocks
    assert isinstance(montage, Montage)
    assert (montage.title, len(montage.groups)) == ("The 18 largest groups", 18)


def test_a_sample_and_a_stale_overview_are_stated() -> None:
    found = replace(FOUND, facts=replace(FACTS, sampled=500), stale="images have changed")
    section = overview_section(found, {})
    assert section is not None
    assert section.note.endswith(
        "They were found among 500 images, and the others were added to these. The overview is out of date: images "
        "have changed."
    )


def test_a_tenth_of_the_images_at_most_are_outliers() -> None:
    assert len(overview_images(replace(FOUND, groups=(), facts=replace(FACTS, images=21)))) == 3


def test_without_groups_and_outliers_there_is_no_section() -> None:
    assert overview_section(None, {}) is None
    assert overview_images(None) == []
    assert overview_section(replace(FOUND, groups=(), outliers=()), {}) is None
    assert overview_section(replace(FOUND, groups=(), usual_isolation=0.0), {}) is None
