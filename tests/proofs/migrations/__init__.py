"""Proofs of migrations."""
