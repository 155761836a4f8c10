"""Compare the speed of the rendered data layer with its peers and with the physical limit.

`just bench` renders the default project, installs the newest advanced-alchemy into it, and starts a
PostgreSQL. Then all contestants do the same work in turns. The ratio of two contestants in the same
round counts, because seconds depend on the machine.

Limits: client and server share the machine. The server has the settings of the tests (no fsync), so
that the benchmarks compare code and not disks.
"""
