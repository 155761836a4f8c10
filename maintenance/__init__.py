"""Commands for maintainers. They change the sources of the template, and nothing else uses them."""
