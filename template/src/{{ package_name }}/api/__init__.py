"""The web service: the application, the dependencies of its routes, and the routes."""
