"""`python -m osrmac`."""

from osrmac.cli import main

main()
