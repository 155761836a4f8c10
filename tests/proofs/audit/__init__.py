"""Proofs of the option audit=triggers. They run only in a project with this option."""
