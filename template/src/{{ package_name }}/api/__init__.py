"""The web service: the application, what its routes depend on, and the routes."""
