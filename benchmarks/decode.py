"""How much faster are large JPEGs decoded when only as fine as they are looked at, and what becomes of the descriptor?

On photographs given, or on pictures of a camera's size made here. Prints JSON.
"""

import io
import statistics
from functools import partial

import numpy as np
import torch
from PIL import Image

from benchmarks.measuring import Times, add_backbone, cosine, descriptor, files, interleaved, parser, photograph, show
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.images import decode
from osrmac.descriptor.resize import image_pyramid

LIMIT = 10**9


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "random:0")
    options.add_argument("--images", help="folder of JPEGs; none: synthetic ones of 4032 x 3024 pixels")
    options.add_argument("--most", type=int, default=4)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    made = {f"synthetic {seed}": photograph(seed, 4032, 3024) for seed in range(chosen.most)}
    images = files(chosen.images, chosen.most) if chosen.images else made
    describer = Describer.load(descriptor(chosen))
    measured = {name: measure(describer, encoded, chosen.rounds) for name, encoded in images.items()}
    ratios = list(measured.values())
    show(
        {
            "threads": chosen.threads,
            "images": measured,
            "decoding, median ratio": statistics.median(of["decoding, ratio"] for of in ratios),
            "with resizing, median ratio": statistics.median(of["with resizing, ratio"] for of in ratios),
            "lowest cosine": min(of["cosine"] for of in ratios),
        }
    )


def measure(describer: Describer, encoded: bytes, rounds: int) -> dict[str, float]:
    scales = sorted(describer.config.image_sizes, reverse=True)
    decode_reduced = partial(decode, encoded, max_pixels=LIMIT, min_longest_side=scales[0])
    whole, _ = decode(encoded, max_pixels=LIMIT)
    reduced, _ = decode_reduced()
    times = interleaved(
        {
            "whole": lambda: np.array(Image.open(io.BytesIO(encoded)).convert("RGB")),
            "reduced": lambda: np.array(decode_reduced().image),
            "resizing whole": partial(image_pyramid, whole, scales),
            "resizing reduced": partial(image_pyramid, reduced, scales),
        },
        rounds,
    )
    vectors = [describer.vectors(picture) for picture in (whole, reduced)]
    return {
        "megapixels": round(whole.width * whole.height / 1e6, 1),
        "decoding, ratio": round(seconds(times, "whole") / seconds(times, "reduced"), 2),
        "with resizing, ratio": round(
            seconds(times, "whole", "resizing whole") / seconds(times, "reduced", "resizing reduced"), 2
        ),
        "cosine": round(min(cosine(*(of[recipe] for of in vectors)) for recipe in vectors[0]), 6),
    }


def seconds(times: Times, *steps: str) -> float:
    return sum(times[step]["processor"] for step in steps)


if __name__ == "__main__":
    main()
