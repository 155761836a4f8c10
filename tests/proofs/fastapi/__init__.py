"""Proofs of the option web_framework=fastapi. They run only in a project with this option."""
