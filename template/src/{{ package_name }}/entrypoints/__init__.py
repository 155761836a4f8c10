"""The programs that people and servers start. Each opens units of work for the services."""
