"""Class activation maps: heat by hand and against scores, the mask's threshold, and masks laid over finer maps."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from osrmac.descriptor.cam import heatmap, mask, masked


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def classifier(weight: list[list[float]] | Tensor, bias: list[float] | Tensor) -> nn.Linear:
    weight, bias = torch.as_tensor(weight), torch.as_tensor(bias)
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def random_case(classes: int = 4, channels: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, and a classifier's weight and bias."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(channels, 3, 5, generator=generator)
    return maps, torch.randn(classes, channels, generator=generator), torch.randn(classes, generator=generator)


# Heat


def test_heat_by_hand() -> None:
    """Means of 2.5 and 1, so the classes score 1.5, 3 and -1: the second has it, and its weights are 0 and 3."""
    maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[4.0, 0.0], [0.0, 0.0]]])

    heat = heatmap(maps, classifier([[1, -1], [0, 3], [-2, 0]], [0, 0, 4]))

    assert heat.tolist() == [[12, 0], [0, 0]]


@pytest.mark.parametrize("best", range(4))
def test_heat_is_that_of_the_class_that_scores_highest(best: int) -> None:
    maps, weight, bias = random_case()
    bias[best] += 100

    heat = heatmap(maps, classifier(weight, bias))

    expected = sum((weight[best, channel] * maps[channel] for channel in range(3)), start=torch.zeros(3, 5))
    torch.testing.assert_close(heat, expected)


def test_heat_adds_up_to_the_score() -> None:
    maps, weight, bias = random_case()
    linear = classifier(weight, bias)

    heat = heatmap(maps, linear)

    scores = linear(maps.mean(dim=(1, 2)))
    torch.testing.assert_close(heat.mean() + bias[scores.argmax()], scores.max())


@pytest.mark.parametrize("scales", [2, 3, 5])
def test_a_sum_over_equal_scales_has_the_heat_of_one(scales: int) -> None:
    maps, weight, bias = random_case()
    linear = classifier(weight, bias)

    torch.testing.assert_close(heatmap(scales * maps, linear, scales), heatmap(maps, linear))


def test_a_sum_over_scales_is_not_a_stronger_opinion() -> None:
    """Each scale scores 1 and 2, the second class by its bias; the sum of three would score 3 and 2."""
    maps = torch.tensor([[[0.5, 1.5]], [[4.0, -4.0]]])
    linear = classifier([[1, 0], [0, 1]], [0, 2])

    assert heatmap(3 * maps, linear, scales=3).tolist() == [[4, -4]]
    assert heatmap(3 * maps, linear).tolist() == [[1.5, 4.5]]


def test_heat_keeps_the_size_of_the_map_and_leaves_it_alone() -> None:
    maps, weight, bias = random_case()
    before = maps.clone()

    assert heatmap(maps, classifier(weight, bias), 3).shape == (3, 5)
    assert torch.equal(maps, before)


# The mask


def test_the_mask_is_where_heat_exceeds_nine_tenths_of_its_mean() -> None:
    heat = torch.tensor([[10.0, 9.0], [8.0, 13.0]], dtype=torch.float64)

    assert mask(heat).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("share", [0.89, 0.91])
def test_the_threshold_lies_between_these_shares_of_the_mean(share: float) -> None:
    heat = torch.tensor([[share, 2 - share]])

    assert mask(heat).tolist() == [[share > 0.9, True]]


def test_heat_may_be_negative_in_the_mean() -> None:
    heat = torch.tensor([[-1.0, -1.0], [-1.0, -5.0]])

    assert mask(heat).tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_heat_that_exceeds_nowhere_masks_nothing(value: float) -> None:
    where = mask(torch.full((2, 3), value))

    assert where.dtype == torch.bool
    assert where.tolist() == [[True] * 3] * 2


# Masked maps


def test_masked_maps_are_zero_outside() -> None:
    maps = torch.tensor([[[1.0, -2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, -8.0]]])
    where = torch.tensor([[True, False], [False, True]])

    assert masked(maps, where).tolist() == [[[1, 0], [0, 4]], [[5, 0], [0, -8]]]


def test_a_mask_is_stretched_over_a_finer_map_by_hand() -> None:
    where = torch.tensor([[True, False, True]])

    assert masked(torch.ones(1, 2, 6), where).tolist() == [[[1, 1, 0, 0, 1, 1]] * 2]
    # Cells of a fifth, whose centres lie at 0.3, 0.9, 1.5, 2.1 and 2.7 cells of a third.
    assert masked(torch.ones(1, 1, 5), where).tolist() == [[[1, 1, 0, 1, 1]]]


def nearest(position: int, size: int, source_size: int) -> int:
    centre = (position + 0.5) / size
    return min(range(source_size), key=lambda source: abs((source + 0.5) / source_size - centre))


@pytest.mark.parametrize("source", [(1, 1), (1, 3), (3, 5), (33, 25)])
@pytest.mark.parametrize("finer", ["twice", "one less"])
def test_finer_maps_are_masked_at_the_nearest_position(source: tuple[int, int], finer: str) -> None:
    """An image of 65 pixels has 3 cells at stride 32 and 5 at stride 16."""
    generator = torch.Generator().manual_seed(0)
    where = torch.rand(*source, generator=generator) > 0.5
    height, width = (2 * side if finer == "twice" else 2 * side - 1 for side in source)
    maps = torch.rand(2, height, width, generator=generator, dtype=torch.float64)

    result = masked(maps, where)

    assert (result.dtype, result.shape) == (maps.dtype, maps.shape)
    for y in range(height):
        for x in range(width):
            kept = where[nearest(y, height, source[0]), nearest(x, width, source[1])]
            assert torch.equal(result[:, y, x], maps[:, y, x] if kept else torch.zeros_like(maps[:, y, x]))


def test_masking_leaves_its_inputs_alone() -> None:
    maps, where = torch.ones(2, 4, 4), torch.tensor([[True, False], [False, False]])

    masked(maps, where)

    assert torch.equal(maps, torch.ones(2, 4, 4))
    assert where.tolist() == [[True, False], [False, False]]
