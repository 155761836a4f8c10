"""Proofs of pages, cursors and filters."""
