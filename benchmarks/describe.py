"""How much faster is `Describer` than the script people write first? Medians of interleaved runs.

The obvious script: torchvision's ResNet50 in its default memory layout, hooks on two layers, one image at a time.
`Describer` runs as in the processes of an extraction. Each has a process of its own. Random weights serve, since time
does not depend on them. Prints JSON.
"""

import io
from collections.abc import Callable
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

from benchmarks.measuring import Seconds, medians, parser, photograph, ratio, rounded, seconds, show
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.optimize import malloc

SCALES = (1050, 800, 550)
PRECISIONS: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")


def obvious_script() -> Callable[[bytes], Tensor]:
    network = torchvision.models.resnet50().eval()
    taken: dict[str, Tensor] = {}
    for name in ("layer3", "layer4"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: taken.__setitem__(name, output)
        )
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    @torch.no_grad()
    def describe(encoded: bytes) -> Tensor:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        totals: dict[str, Tensor] = {}
        for scale in SCALES:
            factor = scale / max(image.size)
            resized = image.resize(
                (round(image.width * factor), round(image.height * factor)), Image.Resampling.BILINEAR
            )
            network(normalise(torchvision.transforms.functional.to_tensor(resized))[None])
            for name, found in taken.items():
                if name in totals:
                    size = totals[name].shape[-2:]
                    totals[name] = totals[name] + functional.interpolate(found, size=size, mode="bilinear")
                else:
                    totals[name] = found
        return torch.cat([pool(totals["layer4"][0]), pool(totals["layer3"][0])])

    return describe


def pool(features: Tensor) -> Tensor:
    total = torch.zeros(features.shape[0])
    for level in (1, 2, 3):
        side = int(np.ceil(2 * min(features.shape[1:]) / (level + 1)))
        total += functional.max_pool2d(features, side, int(0.4 * side)).square().sum((1, 2)).sqrt()
    return functional.normalize(total, dim=0)


class Apart:
    """A system in a process of its own: what one does to its memory and its caches serves no other.

    Args:
        make: Makes the system, which describes an image.
        threads: Of torch.
        images: Described in turn.
    """

    def __init__(self, make: Callable[[], Callable[[bytes], object]], threads: int, images: list[bytes]) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _prepare, (make, threads))
        self._turns = cycle(images)

    def __call__(self) -> Seconds:
        """Seconds that the next image took."""
        return self._pool.submit(_describe, next(self._turns)).result()


_system: dict[str, Any] = {}


def _prepare(make: Callable[[], Callable[[bytes], object]], threads: int) -> None:
    torch.set_num_threads(threads)
    _system["describe"] = make()


def _describe(image: bytes) -> Seconds:
    return seconds(partial(_system["describe"], image))


def describer(precision: Literal["fp32", "bf16"], *, compiled: bool) -> Callable[[bytes], object]:
    malloc.retain()
    config = DescriptorConfig(weights="random:0", image_sizes=SCALES, precision=precision)
    loaded = Describer.load(config, compiled=compiled)
    return lambda image: loaded([image])


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=8)
    options.add_argument("--compile", action="store_true", help="also measure the compiled network")
    options.add_argument("--size", type=int, nargs=2, default=(1024, 768))
    chosen = options.parse_args()
    images = [photograph(number, *chosen.size) for number in range(chosen.images + 1)]
    methods: dict[str, Callable[[], Callable[[bytes], object]]] = {"obvious script": obvious_script}
    for precision in PRECISIONS:
        methods[precision] = partial(describer, precision, compiled=False)
        if chosen.compile:
            methods[f"{precision} compiled"] = partial(describer, precision, compiled=True)
    times = medians({name: Apart(make, chosen.threads, images) for name, make in methods.items()}, chosen.images)
    show(
        {
            "threads": chosen.threads,
            "an image": rounded(times),
            "ratio": {name: ratio(times, "obvious script", name) for name in times if name != "obvious script"},
        }
    )


if __name__ == "__main__":
    main()
