"""Tests of services alone: no database, no server."""
