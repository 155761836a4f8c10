"""Proofs of the option multi_tenancy=rls. They run only in a project with this option."""
