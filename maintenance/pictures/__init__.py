"""The pictures of the documents. `just pictures` draws them from a rendered project.

Each module has a function that returns an SVG. The same project always gives the same bytes, so a test
compares the files in `docs/pictures/` with what the functions return.
"""
