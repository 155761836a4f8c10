"""The contestants. They run inside of a rendered project, with its dependencies and its database.

Each file has one measure. Its contestants are async functions that do the same work. The first one
is the physical limit. They use the rows of `rows.py` and the connections of `world.py`.
"""
