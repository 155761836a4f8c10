"""Judges whether new revisions can be deployed: `just revisions`, a part of `just check`."""

from .linter import Finding, lint, main

__all__ = ["Finding", "lint", "main"]
