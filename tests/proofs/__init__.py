"""Proofs of the data layer. They run inside of a rendered project `shop`, see test_proofs.py."""
