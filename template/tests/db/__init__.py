"""The template's tests and fixtures of the data layer."""
