"""The engine: how it is made, its pool, its guards, its errors and its log of queries."""
