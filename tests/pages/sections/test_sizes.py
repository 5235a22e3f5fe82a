from collections import Counter

from osrmac.pages.charts import Histogram
from osrmac.pages.components import DefinitionList, Grid
from osrmac.pages.sections.sizes import sizes_section
from osrmac.runs.summary.image_stats import Sizes


def sizes_grid(sizes: Sizes) -> Grid:
    section = sizes_section(sizes)
    assert section is not None
    (grid,) = section.blocks
    assert isinstance(grid, Grid)
    return grid


def test_sizes_are_counted_in_bins_of_a_round_width() -> None:
    sizes = Sizes(Counter({500: 3, 549: 1, 640: 2}), 1_500_000, Counter(wide=4, tall=2))
    facts, histogram = sizes_grid(sizes).blocks
    assert isinstance(facts, DefinitionList)
    assert facts.values == {
        "longest side": "500 to 640 pixels",
        "median": "500 pixels",
        "mean area": "0.25 megapixels",
        "shape": "4 wide, 2 tall",
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


def test_without_described_images_there_is_no_section() -> None:
    assert sizes_section(Sizes()) is None
