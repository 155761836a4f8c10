"""Tests of the example on a real PostgreSQL."""
