"""`python -m smart` is the command `smart`."""

from smart.cli import main

main()
