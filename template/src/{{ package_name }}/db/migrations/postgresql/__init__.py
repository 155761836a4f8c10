"""What only PostgreSQL can do for a migration."""
