"""Proofs of reading and writing rows."""
