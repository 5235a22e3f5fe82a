import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation.protocols.listed_names import listed_names


def test_a_list_takes_the_place_of_the_collection() -> None:
    assert listed_names("tiny", 2, {}, ["b/2.jpg", "a/1.png"], subset=False) == ["1", "2"]
    assert listed_names("tiny", 3, {"names.txt": "3.jpg 1.jpg\n2.jpg 1.jpg\n"}, ["9.jpg"], subset=False) == [
        "1",
        "2",
        "3",
    ]


def test_missing_images_are_an_error_unless_a_subset_is_accepted() -> None:
    with pytest.raises(BenchmarkError, match="tiny has 2 images, but only 1 are here: add the rest"):
        listed_names("tiny", 2, {}, ["1.jpg"], subset=False)
    assert listed_names("tiny", 2, {}, ["1.jpg"], subset=True) == ["1"]
