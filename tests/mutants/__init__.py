"""Mutants of the data layer: each has one small change, which its proofs should notice."""
