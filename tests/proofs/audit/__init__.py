"""Proofs of the option audit=triggers; rendered projects without it have nothing to prove here."""
