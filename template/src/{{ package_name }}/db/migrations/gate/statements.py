"""Divide the SQL of a revision into statements, as PostgreSQL does.

Rules must not find words in comments and texts. They must find a statement also between comments,
quotes and other statements.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_COMMENT = r"/\*(?:(?!/\*|\*/).)*\*/"
for _ in range(9):  # Comments may contain comments.
    _COMMENT = rf"/\*(?:(?!/\*|\*/).|{_COMMENT})*\*/"
_TOKEN = re.compile(
    rf"(?P<comment>--[^\n]*|{_COMMENT})"
    r'|"(?P<name>(?:""|[^"])*)"'
    r"|\b[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'"
    r"|(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)",
    re.DOTALL,
)


class Statement(NamedTuple):
    """A statement.

    Attributes:
        sql: the statement without comments.
        plain: the same in one line and in lower case, with `''` for each text, and without quotes of
            names. In a quoted name, each character is `_` that cannot be in a plain name.
    """

    sql: str
    plain: str


def split(script: str) -> Iterator[Statement]:
    """Yield the statements of a script."""
    script = _TOKEN.sub(lambda token: " " if token["comment"] else token[0], script)
    start = 0
    for part in _TOKEN.sub(_mask, script).split(";"):
        if sql := script[start : start + len(part)].strip():
            plain = " ".join(re.sub("'x*'", "''", part).lower().split())
            yield Statement(sql, re.sub(r" ?\. ?", ".", plain))
        start += len(part) + 1


def _mask(token: re.Match[str]) -> str:
    """Return a text or a name of the same length that has no other characters than letters."""
    if token["name"] is None:
        return f"'{'x' * (len(token[0]) - 2)}'"
    return f" {re.sub('[^a-z0-9_]', '_', token['name'])} "
