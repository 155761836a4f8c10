"""Commands for those who maintain the template. They change its sources, and nothing else uses them."""
