"""The rows of one model: read and write them, singly or many at once, and hide them."""
