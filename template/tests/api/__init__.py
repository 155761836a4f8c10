"""Tests of the routes, as a client sees them."""
