"""Do all of it on a small collection made from bundled photographs.

`ray job submit --working-dir . -- python workflows/demo.py ...`, with the options of `osrmac demo`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["demo", *sys.argv[1:]])
