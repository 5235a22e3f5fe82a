"""Layouts, by what torch makes of them."""

import pytest
import torch
from torch.nn import functional

from osrmac.descriptor.layout import as_batch

CHANNELS_LAST = torch.rand(1, 8, 5, 7).contiguous(memory_format=torch.channels_last)[0]


@pytest.mark.parametrize("maps", [CHANNELS_LAST, CHANNELS_LAST.contiguous()], ids=["channels last", "channels first"])
def test_a_batch_of_one_holds_the_maps_where_they_are(maps: torch.Tensor) -> None:
    batch = as_batch(maps)

    assert batch.data_ptr() == maps.data_ptr()
    torch.testing.assert_close(batch, maps[None], rtol=0, atol=0)


def test_torch_keeps_the_layout_of_a_batch_of_one() -> None:
    assert functional.interpolate(as_batch(CHANNELS_LAST), size=(9, 9), mode="bilinear").stride(1) == 1
    assert functional.max_pool2d(as_batch(CHANNELS_LAST), 2, 1).stride(1) == 1
    assert functional.max_pool2d(as_batch(CHANNELS_LAST.contiguous()), 2, 1).stride(1) != 1
