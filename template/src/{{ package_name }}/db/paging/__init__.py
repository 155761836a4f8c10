"""Keyset pages and their cursors. Sorting, filtering and searching for clients."""
