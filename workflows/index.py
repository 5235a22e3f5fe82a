"""Build or extend an approximate index.

`ray job submit --working-dir . -- python workflows/index.py ...`, with the options of `osrmac index`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["index", *sys.argv[1:]])
