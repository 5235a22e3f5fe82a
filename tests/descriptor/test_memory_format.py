"""Memory formats of batches, and of the results that torch computes from them."""

import pytest
import torch
from torch.nn import functional

from osrmac.descriptor.memory_format import to_nchw

CHANNELS_LAST = torch.rand(1, 8, 5, 7).contiguous(memory_format=torch.channels_last)[0]


@pytest.mark.parametrize("maps", [CHANNELS_LAST, CHANNELS_LAST.contiguous()], ids=["channels last", "channels first"])
def test_a_batch_of_one_is_a_view(maps: torch.Tensor) -> None:
    batch = to_nchw(maps)

    assert batch.data_ptr() == maps.data_ptr()
    torch.testing.assert_close(batch, maps[None], rtol=0, atol=0)


def test_torch_recognises_the_memory_format_of_a_batch_of_one() -> None:
    assert functional.interpolate(to_nchw(CHANNELS_LAST), size=(9, 9), mode="bilinear").stride(1) == 1
    assert functional.max_pool2d(to_nchw(CHANNELS_LAST), 2, 1).stride(1) == 1
    assert functional.max_pool2d(to_nchw(CHANNELS_LAST.contiguous()), 2, 1).stride(1) != 1
