"""Class activation maps: heatmaps against hand-computed values and class scores, thresholds, and masked maps."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from osrmac.descriptor.cam import apply_mask, heatmap, threshold


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


# Heatmaps


def test_heatmap_by_hand() -> None:
    """The means are 2.5 and 1, so the classes score 1.5, 3 and -1. The second one is highest; its weights are 0, 3."""
    maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[4.0, 0.0], [0.0, 0.0]]])

    heat = heatmap(maps, classifier([[1, -1], [0, 3], [-2, 0]], [0, 0, 4]))

    assert heat.tolist() == [[12, 0], [0, 0]]


@pytest.mark.parametrize("best", range(4))
def test_heatmap_belongs_to_the_highest_scoring_class(best: int) -> None:
    maps, weight, bias = random_case()
    bias[best] += 100

    heat = heatmap(maps, classifier(weight, bias))

    expected = sum((weight[best, channel] * maps[channel] for channel in range(3)), start=torch.zeros(3, 5))
    torch.testing.assert_close(heat, expected)


def test_mean_of_the_heatmap_is_the_score_without_bias() -> None:
    maps, weight, bias = random_case()
    linear = classifier(weight, bias)

    heat = heatmap(maps, linear)

    scores = linear(maps.mean(dim=(1, 2)))
    torch.testing.assert_close(heat.mean() + bias[scores.argmax()], scores.max())


@pytest.mark.parametrize("sizes", [2, 3, 5])
def test_heatmap_of_a_sum_over_equal_maps_is_that_of_one(sizes: int) -> None:
    maps, weight, bias = random_case()
    linear = classifier(weight, bias)

    torch.testing.assert_close(heatmap(sizes * maps, linear, sizes), heatmap(maps, linear))


def test_a_sum_over_image_sizes_does_not_outweigh_the_bias() -> None:
    """At each size the classes score 1 and 2, the second one by its bias. The sum of three would score 3 and 2."""
    maps = torch.tensor([[[0.5, 1.5]], [[4.0, -4.0]]])
    linear = classifier([[1, 0], [0, 1]], [0, 2])

    assert heatmap(3 * maps, linear, sizes=3).tolist() == [[4, -4]]
    assert heatmap(3 * maps, linear).tolist() == [[1.5, 4.5]]


def test_heatmap_has_the_size_of_the_map_and_does_not_change_it() -> None:
    maps, weight, bias = random_case()
    before = maps.clone()

    assert heatmap(maps, classifier(weight, bias), 3).shape == (3, 5)
    assert torch.equal(maps, before)


# Masks


def test_threshold_is_nine_tenths_of_the_mean() -> None:
    heat = torch.tensor([[10.0, 9.0], [8.0, 13.0]], dtype=torch.float64)

    assert threshold(heat).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("share", [0.89, 0.91])
def test_threshold_lies_between_these_shares_of_the_mean(share: float) -> None:
    heat = torch.tensor([[share, 2 - share]])

    assert threshold(heat).tolist() == [[share > 0.9, True]]


def test_threshold_of_a_negative_mean() -> None:
    heat = torch.tensor([[-1.0, -1.0], [-1.0, -5.0]])

    assert threshold(heat).tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_mask_is_all_true_if_nothing_exceeds_the_threshold(value: float) -> None:
    mask = threshold(torch.full((2, 3), value))

    assert mask.dtype == torch.bool
    assert mask.tolist() == [[True] * 3] * 2


# Masked maps


def test_masked_maps_are_zero_outside_of_the_mask() -> None:
    maps = torch.tensor([[[1.0, -2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, -8.0]]])
    mask = torch.tensor([[True, False], [False, True]])

    assert apply_mask(maps, mask).tolist() == [[[1, 0], [0, 4]], [[5, 0], [0, -8]]]


def test_mask_is_resized_to_a_finer_map_by_hand() -> None:
    mask = torch.tensor([[True, False, True]])

    assert apply_mask(torch.ones(1, 2, 6), mask).tolist() == [[[1, 1, 0, 0, 1, 1]] * 2]
    # The centres of five cells are at 0.3, 0.9, 1.5, 2.1 and 2.7 of the mask's three cells.
    assert apply_mask(torch.ones(1, 1, 5), mask).tolist() == [[[1, 1, 0, 1, 1]]]


def nearest(position: int, size: int, source_size: int) -> int:
    centre = (position + 0.5) / size
    return min(range(source_size), key=lambda source: abs((source + 0.5) / source_size - centre))


@pytest.mark.parametrize("source", [(1, 1), (1, 3), (3, 5), (33, 25)])
@pytest.mark.parametrize("finer", ["twice", "one less"])
def test_finer_maps_are_masked_by_nearest_neighbour(source: tuple[int, int], finer: str) -> None:
    """An image of 65 pixels has 3 cells at stride 32 and 5 at stride 16."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(*source, generator=generator) > 0.5
    height, width = (2 * side if finer == "twice" else 2 * side - 1 for side in source)
    maps = torch.rand(2, height, width, generator=generator, dtype=torch.float64)

    result = apply_mask(maps, mask)

    assert (result.dtype, result.shape) == (maps.dtype, maps.shape)
    for y in range(height):
        for x in range(width):
            kept = mask[nearest(y, height, source[0]), nearest(x, width, source[1])]
            assert torch.equal(result[:, y, x], maps[:, y, x] if kept else torch.zeros_like(maps[:, y, x]))


def test_apply_mask_does_not_change_its_inputs() -> None:
    maps, mask = torch.ones(2, 4, 4), torch.tensor([[True, False], [False, False]])

    apply_mask(maps, mask)

    assert torch.equal(maps, torch.ones(2, 4, 4))
    assert mask.tolist() == [[True, False], [False, False]]
