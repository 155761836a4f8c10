"""Pages by keyset, their cursors, and sorting and filtering for clients."""
