"""What PostgreSQL writes a table anew for, while nobody can use it."""

import re
from typing import Any

_FIXED = {"now", "transaction_timestamp", "statement_timestamp", "coalesce", "lower", "upper"}


def differs_by_row(default: Any) -> bool:
    """Whether a default may call something that is not the same for all rows of a statement."""
    calls = re.findall(r"([a-z_]\w*)\s*\(", str(getattr(default, "arg", default)).lower())
    return not _FIXED.issuperset(calls)


def widens(before: str, after: str) -> bool:
    """Whether PostgreSQL changes a type without looking at the rows."""
    text = r"(?:VARCHAR(?:\((?P<length>\d+)\))?|TEXT)"
    if (a := re.fullmatch(text, before)) and (b := re.fullmatch(text, after)):
        return b["length"] is None or int(a["length"] or 10**9) <= int(b["length"])
    number = r"NUMERIC(?:\((?P<precision>\d+), (?P<scale>\d+)\))?"
    if (a := re.fullmatch(number, before)) and (b := re.fullmatch(number, after)):
        grows = int(a["precision"] or 10**9) <= int(b["precision"] or 10**9)
        return b["precision"] is None or (grows and a["scale"] == b["scale"])
    return False
