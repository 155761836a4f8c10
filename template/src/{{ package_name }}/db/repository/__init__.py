"""Read, write and hide the rows of one model, one row or many rows per call."""
