"""Changes of a type for which PostgreSQL need not write the table anew."""

import re


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
