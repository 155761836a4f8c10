"""Changes of a column that make PostgreSQL write the whole table again, and lock it meanwhile."""

import re
from typing import Any

# These have one value for all rows of a statement, if their arguments have one value.
_FIXED = {"now", "transaction_timestamp", "statement_timestamp", "coalesce", "lower", "upper"}


def differs_by_row(default: Any) -> bool:
    """Return whether a server default may have another value in each row.

    A new column with such a default rewrites the table. With any other default it does not.
    """
    if isinstance(getattr(default, "arg", None), str):
        return False  # It is a quoted text.
    # SQLAlchemy shows a value of a sequence as `<next sequence value: …>`.
    calls = re.findall(r'<next|(\w+)"?\s*\(', str(getattr(default, "arg", default)).lower())
    return not _FIXED.issuperset(calls)


def widens(before: str, after: str) -> bool:
    """Return whether PostgreSQL can change a type without reading the rows.

    Args:
        before: a type in SQL, such as `VARCHAR(50)`.
        after: the new type.
    """
    text = r"(?:VARCHAR(?:\((?P<length>\d+)\))?|TEXT)"
    if (a := re.fullmatch(text, before)) and (b := re.fullmatch(text, after)):
        return b["length"] is None or int(a["length"] or 10**9) <= int(b["length"])
    number = r"NUMERIC(?:\((?P<precision>\d+), (?P<scale>\d+)\))?"
    if (a := re.fullmatch(number, before)) and (b := re.fullmatch(number, after)):
        grows = int(a["precision"] or 10**9) <= int(b["precision"] or 10**9)
        return b["precision"] is None or (grows and a["scale"] == b["scale"])
    return False
