"""How fast the rendered data layer is, beside its peers and the physical limit, in one run.

`just bench` renders the default project, gives it a PostgreSQL of its own and advanced-alchemy in its
newest version, and lets all contestants do the same work in turns. What counts is the ratio of two
contestants in the same round: seconds are those of one machine.

Limits: client and server share the machine, and the server's settings are those of the tests (no
fsync), so that what is compared is code and not a disk.
"""
