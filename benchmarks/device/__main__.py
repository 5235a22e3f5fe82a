"""Run all checks of a GPU, from JPEG bytes to search, and print their results as JSON.

The folder gets the same results in device.json, which is replaced after each check, and the output of all sections in
device.log. Each section runs in a process of its own with a time limit, so that a crash costs only that section.
"""

from pathlib import Path

import torch

from benchmarks.common import parser, show
from benchmarks.device.settings import Settings
from benchmarks.device.supervisor import LIMITS, run_all


def main() -> None:
    options = parser(__doc__)
    options.add_argument("out", metavar="OUT", type=Path, help="folder for the results")
    options.add_argument("--only", nargs="+", choices=LIMITS, default=list(LIMITS), metavar="SECTION")
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--tiny", action="store_true", help="rehearse with tiny sizes")
    options.add_argument("--images", metavar="FOLDER", help="photographs to compare (default: synthetic ones)")
    options.add_argument("--backbone-weights", default="random:0", help="weights of the ResNet")
    options.add_argument("--seconds", type=float, default=480, help="time limit of all sections together")
    chosen = options.parse_args()
    settings = Settings(
        device=chosen.device,
        tiny=chosen.tiny,
        threads=chosen.threads,
        images=chosen.images and str(Path(chosen.images).absolute()),
        weights=chosen.backbone_weights,
    )
    show(run_all(chosen.out.absolute(), settings, chosen.only, chosen.seconds).read())


if __name__ == "__main__":
    main()
