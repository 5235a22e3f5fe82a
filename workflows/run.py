"""Do all of it: extract, fit and, with a benchmark, evaluate.

`ray job submit --working-dir . -- python workflows/run.py ...`, with the options of `osrmac run`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
