"""Proofs of transactions."""
