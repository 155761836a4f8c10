"""Programs for developers. They are not in the image. Run them with `python -m scripts.NAME`."""
