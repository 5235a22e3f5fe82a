from collections import Counter

from osrmac.pages.charts import Histogram
from osrmac.pages.components import DefinitionList, Galleries, Grid
from osrmac.pages.sections.collection import collection_section, format_bytes
from osrmac.pages.thumbnails import NO_THUMBNAIL, Thumbnail
from osrmac.runs.failures import Failures
from osrmac.runs.image_stats import Sizes
from osrmac.tables import Cell, Table


def sizes_grid(sizes: Sizes, file_bytes: int | None = None) -> Grid:
    section = collection_section(sizes, file_bytes, [], {})
    assert section is not None
    (grid,) = section.blocks
    assert isinstance(grid, Grid)
    return grid


def test_sizes_are_counted_in_bins_of_a_round_width() -> None:
    sizes = Sizes(Counter({500: 3, 549: 1, 640: 2}), 1_500_000, Counter(wide=4, tall=2))
    facts, histogram = sizes_grid(sizes, 1_234_000).blocks
    assert isinstance(facts, DefinitionList)
    assert facts.values == {
        "longest side": "500 to 640 pixels",
        "median": "500 pixels",
        "mean area": "0.25 megapixels",
        "shape": "4 wide, 2 tall",
        "files": "1.2 MB",
    }
    assert isinstance(histogram, Histogram)
    assert histogram.bins == [("500", 3), ("525", 1), ("550", 0), ("575", 0), ("600", 0), ("625", 2)]


def test_widely_differing_sizes_are_counted_by_powers_of_two() -> None:
    _, histogram = sizes_grid(Sizes(Counter({1: 1, 3: 1, 4096: 2}), 1, Counter(wide=4))).blocks
    assert isinstance(histogram, Histogram)
    counts = dict(histogram.bins)
    assert (counts["1"], counts["2"], counts["4096"]) == (1, 1, 2)
    assert sum(counts.values()) == 4


def test_images_of_one_size_need_no_histogram() -> None:
    (facts,) = sizes_grid(Sizes(Counter({500: 3}), 1, Counter(wide=3))).blocks
    assert isinstance(facts, DefinitionList)


def test_failures_are_listed_and_damaged_files_shown_as_far_as_possible() -> None:
    failures = [
        Failures("decode", "truncated", 7, ("a.jpg", "b.jpg")),
        Failures("fetch", "FileNotFoundError", 2, ("c.jpg",), example="FileNotFoundError: c.jpg"),
    ]
    shown = {"a.jpg": Thumbnail("data:a", ""), "b.jpg": NO_THUMBNAIL}
    section = collection_section(Sizes(), None, failures, shown)
    assert section is not None
    table, galleries = section.blocks
    assert isinstance(table, Table)
    assert table.rows == [
        (Cell("truncated"), "decode", "7", "a.jpg, b.jpg"),
        (Cell("FileNotFoundError", detail="for example FileNotFoundError: c.jpg"), "fetch", "2", "c.jpg"),
    ]
    assert isinstance(galleries, Galleries)
    (gallery,) = galleries.galleries
    assert (gallery.title, gallery.note) == ("truncated", "7 at decode")
    assert [picture.name for picture in gallery.pictures] == ["a.jpg"]


def test_an_empty_run_has_no_section() -> None:
    assert collection_section(Sizes(), None, [], {}) is None


def test_bytes_are_given_in_the_largest_decimal_unit() -> None:
    assert [format_bytes(999), format_bytes(5e15)] == ["999 bytes", "5000 TB"]
