"""Tests of the tenants' tables, and the role as which the tests work."""
