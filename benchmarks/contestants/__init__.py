"""Those who compete. They run inside of a rendered project, with its dependencies and its database.

One file a measure: its contestants are async functions that do the same work, the physical limit
first, on the rows of `rows.py` and by the connections of `world.py`.
"""
