"""Start the PostgreSQL of tests and of development. The application never imports this package."""
