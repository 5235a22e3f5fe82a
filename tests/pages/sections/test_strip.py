from osrmac.pages.components import Picture
from osrmac.pages.sections.strip import sample_strip
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail

SHOWN = Thumbnail("data:x", "")


def test_a_strip_says_how_much_of_the_collection_it_shows() -> None:
    strip = sample_strip({"a": SHOWN, "b": SHOWN}, 1100)
    assert strip is not None
    assert strip.pictures == [Picture("a", "", SHOWN), Picture("b", "", SHOWN)]
    assert strip.note == "2 of 1,100 images, spread evenly over the collection."
    whole = sample_strip({"a": SHOWN}, 1)
    assert whole is not None
    assert whole.note == "All images to search in."


def test_images_that_can_no_longer_be_read_are_counted() -> None:
    strip = sample_strip({"a": SHOWN, "b": NO_THUMBNAIL}, 9)
    assert strip is not None
    assert len(strip.pictures) == 1
    assert strip.note.endswith(" 1 more cannot be read any more.")
    assert sample_strip({"b": NO_THUMBNAIL}, 9) is None
    assert sample_strip({}, 0) is None
