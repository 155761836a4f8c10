"""Find the line of a `.jinja` file from which a line of the rendered file comes.

For that, each line of the source gets its number in front, the file is rendered, and the numbers
are read from the result. Tags leave no number. Lines of a condition that is false leave none.
If a line has no number, it is None: no line of the source belongs to it.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

# Two characters that Unicode reserves for private use.
NUMBER = re.compile("\ue000(\\d+)\ue001")

EXPRESSION = re.compile(r"\{\{.*?\}\}")
JINJA = re.compile(r"\{\{|\{%|\{#")
PACKAGE = "{{ package_name }}"


class HunkError(Exception):
    """Some lines cannot be ported. The message says why."""


@dataclass(frozen=True)
class Line:
    """A rendered line, and the number of its source."""

    text: str
    number: int | None


def mark(source: str) -> str:
    """Number the lines of a source."""
    lines = enumerate(source.splitlines(keepends=True))
    return "".join(f"\ue000{number}\ue001{line}" for number, line in lines)


def unmark(marked: str) -> list[Line]:
    """Read the numbers from the rendered text of a numbered source."""
    lines = []
    for line in marked.splitlines(keepends=True):
        *gaps, text = NUMBER.split(line)[::2]
        numbers = NUMBER.findall(line)
        if "".join(gaps).strip():  # a tag at the end of a line joined it with the next line
            lines.append(Line("".join([*gaps, text]), None))
        elif text:
            lines.append(Line(text, int(numbers[-1]) if numbers else None))
    return lines


def rewrite(source: str, rendered: list[Line], edited: str, package: str) -> tuple[str, list[str]]:
    """Repeat the changes of a rendered file in its source.

    Args:
        source: The source.
        rendered: Its rendered lines.
        edited: The lines of the edited file.
        package: The name of the package.

    Returns:
        The new source, and a sentence about each group of lines that it does not have.
    """
    lines, new = source.splitlines(keepends=True), edited.splitlines(keepends=True)
    old = [line.text for line in rendered]
    failures: list[str] = []
    # Begin at the end, so that the numbers of the lines above stay valid.
    for kind, *places in reversed(SequenceMatcher(None, old, new, autojunk=False).get_opcodes()):
        begin, end, new_begin, new_end = places
        if kind == "equal":
            continue
        try:
            place = _place(rendered, begin, end, new_end - new_begin, len(lines))
            hunk = new[new_begin:new_end]
            lines[place] = _generalize(lines[place], old[begin:end], hunk, package)
        except HunkError as error:
            failures.insert(0, f"{_name(new_begin, new_end)}, because {error}")
    return "".join(lines), failures


def _name(begin: int, end: int) -> str:
    """Return a sentence that says which lines of the edited file are not ported."""
    if begin == end:
        return f"lines that were deleted below line {begin} are not ported"
    if begin + 1 == end:
        return f"line {end} is not ported"
    return f"lines {begin + 1} to {end} are not ported"


def _place(rendered: list[Line], begin: int, end: int, count: int, total: int) -> slice:
    """Return the lines of a source that `count` other lines replace."""
    numbers = [line.number for line in rendered[begin:end]]
    before = rendered[begin - 1].number if begin else -1
    after = rendered[end].number if end < len(rendered) else total
    start = numbers[0] if numbers else None if before is None else before + 1
    if start is None or numbers != list(range(start, start + len(numbers))):
        raise HunkError("a tag of Jinja is between the lines that they replace")
    stop = start + len(numbers)
    if count > len(numbers) and (before, after) != (start - 1, stop):
        raise HunkError("a tag of Jinja is beside them, and nobody knows whether they belong to it")
    return slice(start, stop)


def _generalize(
    sources: list[str], rendered: list[str], edited: list[str], package: str
) -> list[str]:
    """Replace values in the new lines by the expressions of the old source."""
    if not edited:
        return []
    text = "".join(edited)
    if JINJA.search(text):
        raise HunkError("Jinja would read their braces")
    expressions: dict[str, str] = {}
    for source, line in zip(sources, rendered, strict=True):
        for value, expression in _values(source, line):
            if expression == PACKAGE:
                continue
            if not value or value not in text:
                raise HunkError(f"the value of {expression} is not in them")
            expressions[re.escape(value)] = expression
    expressions[rf"\b{package}\b"] = PACKAGE
    pattern = re.compile("|".join(f"({value})" for value in expressions))
    replacements = list(expressions.values())
    text = pattern.sub(lambda match: replacements[(match.lastindex or 1) - 1], text)
    return text.splitlines(keepends=True)


def _values(source: str, rendered: str) -> list[tuple[str, str]]:
    """Return the rendered value of each expression of a line, with the expression."""
    if "{%" in source:
        raise HunkError("a tag of Jinja is inside of the line that they replace")
    texts = EXPRESSION.split(source)
    match = re.fullmatch("(.*?)".join(map(re.escape, texts)), rendered, re.DOTALL)
    if not match:
        raise HunkError("nobody knows the source of the line that they replace")
    return list(zip(match.groups(), EXPRESSION.findall(source), strict=True))
