"""The cost of tenants: the same work with the option and without it.

`python -m benchmarks` copies this package into a project that has the option, and runs it there.
"""
