"""Compare `Describer` with a straightforward script: medians of interleaved runs.

The script uses torchvision's ResNet50 in its default memory format, with hooks on two layers, one image at a time.
`Describer` runs as in the workers of an extraction. Each method has a process of its own. The weights are random,
because they do not affect the time. Prints JSON.
"""

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.common import Seconds, medians, parser, photograph, ratio, rounded, seconds, show
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.optimize import malloc

IMAGE_SIZES = (1050, 800, 550)
PRECISIONS: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")


class SimpleScript:
    """What one writes without this package: a network of torchvision with hooks on two layers, and Pillow.

    Args:
        backbone: Name of a ResNet.
        image_sizes: Longest sides of the images in pixels, in descending order.
        device: Torch device.
        dtype: Floating-point format of the network.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        image_sizes: Sequence[int] = IMAGE_SIZES,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._network = torchvision.models.get_model(backbone).eval().to(device, dtype)
        self._image_sizes = image_sizes
        self._device, self._dtype = device, dtype
        self._maps: dict[str, Tensor] = {}
        for name in ("layer3", "layer4"):
            self._network.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, name=name: self._maps.__setitem__(name, output.float())
            )
        self._normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def __call__(self, encoded: bytes) -> Tensor:
        """Describe one image."""
        return self.describe([self.read(encoded)])[0]

    def read(self, encoded: bytes) -> list[Tensor]:
        """Decode an image and resize it: (3, H_s, W_s) for each image size."""
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        pixels = []
        for longest_side in self._image_sizes:
            factor = longest_side / max(image.size)
            size = round(image.width * factor), round(image.height * factor)
            resized = image.resize(size, Image.Resampling.BILINEAR)
            pixels.append(self._normalise(torchvision.transforms.functional.to_tensor(resized)))
        return pixels

    @torch.no_grad()
    def describe(self, images: Sequence[list[Tensor]]) -> Tensor:
        """Describe images of equal shape: (N, d)."""
        totals: dict[str, Tensor] = {}
        for of_size in zip(*images, strict=True):
            self._network(torch.stack(of_size).to(self._device, self._dtype))
            for name, maps in self._maps.items():
                if name in totals:
                    size = totals[name].shape[-2:]
                    totals[name] = totals[name] + functional.interpolate(maps, size=size, mode="bilinear")
                else:
                    totals[name] = maps
        return torch.cat([pool(totals["layer4"]), pool(totals["layer3"])], dim=1).cpu()


def pool(features: Tensor) -> Tensor:
    """OS-RMAC of feature maps, (N, C, H, W): (N, C)."""
    total = features.new_zeros(features.shape[:2])
    for level in (1, 2, 3):
        side = int(np.ceil(2 * min(features.shape[2:]) / (level + 1)))
        total += functional.max_pool2d(features, side, max(1, int(0.4 * side))).square().sum((2, 3)).sqrt()
    return functional.normalize(total, dim=1)


class SeparateProcess:
    """A method that runs in a process of its own, so that methods share neither memory settings nor caches.

    Args:
        make: Creates the function that describes an image.
        threads: Number of threads of torch.
        images: Images to describe in turn.
    """

    def __init__(self, make: Callable[[], Callable[[bytes], object]], threads: int, images: list[bytes]) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _prepare, (make, threads))
        self._turns = cycle(images)

    def __call__(self) -> Seconds:
        """Describe the next image and return the time."""
        return self._pool.submit(_describe, next(self._turns)).result()


_method: dict[str, Any] = {}


def _prepare(make: Callable[[], Callable[[bytes], object]], threads: int) -> None:
    torch.set_num_threads(threads)
    _method["describe"] = make()


def _describe(image: bytes) -> Seconds:
    return seconds(partial(_method["describe"], image))


def describer(precision: Literal["fp32", "bf16"], *, compiled: bool) -> Callable[[bytes], object]:
    malloc.retain()
    config = DescriptorConfig(weights="random:0", image_sizes=IMAGE_SIZES, precision=precision)
    loaded = Describer.load(config, compiled=compiled)
    return lambda image: loaded([image])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=8)
    options.add_argument("--compile", action="store_true", help="also measure compiled backbones")
    options.add_argument("--size", type=int, nargs=2, default=(1024, 768))
    chosen = options.parse_args()
    images = [photograph(number, *chosen.size) for number in range(chosen.images + 1)]
    methods: dict[str, Callable[[], Callable[[bytes], object]]] = {"simple script": SimpleScript}
    for precision in PRECISIONS:
        methods[precision] = partial(describer, precision, compiled=False)
        if chosen.compile:
            methods[f"{precision} compiled"] = partial(describer, precision, compiled=True)
    times = medians(
        {name: SeparateProcess(make, chosen.threads, images) for name, make in methods.items()}, chosen.images
    )
    show(
        {
            "threads": chosen.threads,
            "per image": rounded(times),
            "ratio": {name: ratio(times, "simple script", name) for name in times if name != "simple script"},
        }
    )


if __name__ == "__main__":
    main()
