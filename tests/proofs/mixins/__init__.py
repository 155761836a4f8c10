"""Proofs of the mixins."""
