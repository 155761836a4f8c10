"""The PostgreSQL of tests and of development; never part of the application."""
