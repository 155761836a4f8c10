"""Proofs of the data layer, run inside of a rendered project called `shop`; see test_proofs.py."""
