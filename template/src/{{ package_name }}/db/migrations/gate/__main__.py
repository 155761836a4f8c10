"""The command of `just revisions`: it judges the revisions of the project in this directory."""

from . import main

main()
