"""Describe every image of a collection.

`ray job submit --working-dir . -- python workflows/extract.py ...`, with the options of `osrmac extract`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["extract", *sys.argv[1:]])
