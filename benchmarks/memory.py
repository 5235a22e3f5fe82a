"""Does memory stay flat over many images of many shapes? The baseline is the same process after its first images.

Memory is kept and given back as in the processes of an extraction. Prints JSON.
"""

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import add_backbone, descriptor, parser, photograph, show
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.optimize import malloc

PAGE = 4096
MARKS = 10


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet18", "random:0")
    options.add_argument("--images", type=int, default=2000)
    options.add_argument("--image-sizes", type=int, nargs="+", default=(160, 128, 96))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    malloc.retain()
    describer = Describer.load(descriptor(chosen, image_sizes=tuple(chosen.image_sizes)))
    held: dict[int, float] = {}
    first = min(100, chosen.images)
    marks = {first, *np.linspace(0, chosen.images, MARKS + 1, dtype=int)[1:].tolist()}
    for number, _ in enumerate(describer.stream(images(chosen.images)), start=1):
        if number % malloc.TRIM_INTERVAL == 0:
            malloc.trim()
        if number in marks:
            held[number] = round(resident() / 1e6, 1)
    show(
        {
            "megabytes held after so many images": held,
            f"growth since the first {first}": round(held[chosen.images] - held[first], 1),
            "most at any time": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        }
    )


def images(number: int) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for seed in range(number):
        width, height = rng.integers(60, 1200, 2)
        yield photograph(seed, int(width), int(height))


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main()
