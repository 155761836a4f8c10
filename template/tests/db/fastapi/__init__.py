"""Fixtures for tests of your routes, and a test of the web's part of the data layer."""
