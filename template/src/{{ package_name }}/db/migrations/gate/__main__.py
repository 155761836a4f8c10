"""The command of `just revisions`. It judges the revisions of the project in this directory."""

from . import main

main()
