"""Mutants of the data layer: each is changed in one small place, and its proofs should notice."""
