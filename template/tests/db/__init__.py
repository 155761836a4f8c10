"""Fixtures for your tests, and tests of the data layer. They belong to the template."""
