"""Which database system the migrations use. Another system would change only this line."""

from . import postgresql as dialect

__all__ = ["dialect"]
