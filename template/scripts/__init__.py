"""Programs of this project that are not in its image: run them with `python -m scripts.…`."""
