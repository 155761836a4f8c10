"""Proofs of the option observability=opentelemetry. They run only in a project with this option."""
