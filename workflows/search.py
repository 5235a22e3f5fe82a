"""Find the images of a run that are nearest to queries.

`ray job submit --working-dir . -- python workflows/search.py ...`, with the options of `osrmac search`.
"""

import sys

from osrmac.cli import main

if __name__ == "__main__":
    main(["search", *sys.argv[1:]])
