"""Judge the revisions of the project in this directory: `python -m …db.migrations.gate`."""

from . import main

main()
