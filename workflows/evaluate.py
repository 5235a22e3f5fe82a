"""Score a run under a benchmark.

`ray job submit --working-dir . -- python workflows/evaluate.py ...`, with the options of `osrmac evaluate`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
