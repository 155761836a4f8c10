"""Proofs of what only PostgreSQL and its driver do."""
