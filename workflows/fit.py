"""Select features, and write the descriptors shortened.

`ray job submit --working-dir . -- python workflows/fit.py ...`, with the options of `osrmac fit`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["fit", *sys.argv[1:]])
