"""The engine: the function that creates it, its pool, its guards, its errors and its query log."""
