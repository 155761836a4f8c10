"""The columns of the rows. Both tables have them."""

from typing import Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

PAGE, PAGES = 50, 40


class Columns:
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    published: Mapped[bool]
    views: Mapped[int] = mapped_column(BigInteger)


def row(number: int) -> dict[str, Any]:
    """Return a row as an application has it: without a key."""
    body = "The quick brown fox jumps over the lazy dog. " * 3
    return {"title": f"Title {number}", "body": body, "published": True, "views": number}
