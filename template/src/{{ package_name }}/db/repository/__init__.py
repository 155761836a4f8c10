"""The rows of one model: read, write, many rows at once, and rows that are hidden."""
