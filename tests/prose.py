"""The sentences that people read: docstrings, comments, messages and documents.

``prose(path)`` reads a file by its name. It leaves out code, tables of docstrings, literal blocks and SQL.
A code span counts as one word, and a value that Jinja renders counts as a name.

Limits: every string of four words in Python counts as a message, because a table or a function may hold it.
"""

import ast
import io
import itertools
import re
import textwrap
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|GRANT|REVOKE|LOCK|TRUNCATE|JOIN|FROM|WHERE|SET"
    r"|DO|LEFT JOIN|EXPLAIN) "
)
NO_SENTENCE = re.compile(r"type:|noqa|pragma:|!/")  # what programs read in comments
ITEM = re.compile(r"^\s*([-*] |\d\. )")
ARGUMENT = re.compile(r" {4}\w[\w, ]*: ")
SECTION = re.compile(r"(Args|Returns|Raises|Attributes|Yields):$")


class Sentence(NamedTuple):
    """A sentence, and the line on which it begins.

    Attributes:
        kind: ``docstring``, ``comment``, ``message``, ``document``, ``heading`` or ``cell`` of a table.
    """

    path: Path
    line: int
    kind: str
    text: str


class Paragraph(NamedTuple):
    line: int
    kind: str
    text: str


def prose(path: Path) -> list[Sentence]:
    """Return the sentences of a file."""
    name = path.name.removesuffix(".jinja")
    source = path.read_text()
    if path.suffix == ".jinja":
        source = without_jinja(source)
    if name.endswith(".py"):
        found = of_python(source)
    elif name.endswith(".md"):
        found = of_markdown(source)
    elif name == "copier.yml":
        found = itertools.chain(of_comments(source), of_questions(source))
    else:
        found = itertools.chain(of_comments(source), of_echoes(source))
    return [
        Sentence(path, paragraph.line + line, paragraph.kind, text)
        for paragraph in found
        for line, text in sentences(paragraph.text)
    ]


def without_jinja(source: str) -> str:
    return re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{.*?\}\}", "name", source))


def sentences(paragraph: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence, with the number of lines before it."""
    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", _code_span, paragraph, flags=re.DOTALL)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text).replace("**", "")
    start = 0
    for end in re.finditer(r"[.!?…][\"')]*(?=\s+[^a-z\s])|\Z", text):
        sentence = text[start : end.end()]
        if re.search(r"\w", sentence):
            begin = start + len(sentence) - len(sentence.lstrip())
            yield text.count("\n", 0, begin), " ".join(sentence.split())
        start = end.end()


def _code_span(span: re.Match[str]) -> str:
    return "`code`" + "\n" * span[0].count("\n")


def words(sentence: str) -> int:
    """Return the number of words. Signs alone are no words."""
    return len(re.findall(r"\S*\w\S*", sentence))


def of_python(source: str) -> Iterator[Paragraph]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    alone: list[tuple[int, str]] = []
    for each in tokens:
        if each.type == tokenize.COMMENT and each.line[: each.start[1]].strip():
            yield _comment(each.start[0], each.string)
        elif each.type == tokenize.COMMENT:
            alone.append((each.start[0], each.string))
    yield from _joined(alone)
    seen: set[ast.AST] = set()  # docstrings, and the parts of f-strings
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(ast.Constant(str(text)) as constant):
                seen.add(constant)
                yield from of_docstring(constant.lineno, text)
            case ast.JoinedStr(parts):
                seen.update(ast.walk(node))
                told = (each.value if isinstance(each, ast.Constant) else "…" for each in parts)
                yield from of_message(node.lineno, "".join(map(str, told)))
            case ast.Constant(str(text)) if node not in seen:
                yield from of_message(node.lineno, text)


def of_comments(source: str) -> Iterator[Paragraph]:
    """Yield the comments of any language in which they begin with #."""
    lines = [*enumerate(source.splitlines(), start=1)]
    yield from _joined((line, text.strip()) for line, text in lines if re.match(r"\s*#", text))
    for line, text in lines:
        if match := re.search(r"^\s*[^#\s].*?\s(#+ .*)$", text):
            yield _comment(line, match[1])


def _joined(comments: Iterable[tuple[int, str]]) -> Iterator[Paragraph]:
    """Join the comments of adjacent lines."""
    block: list[Paragraph] = []
    for line, text in [*comments, (-1, "")]:
        if block and line != block[-1].line + 1:
            yield from paragraphs(block[0].line, "comment", [each.text for each in block])
            block = []
        block.append(_comment(line, text))


def _comment(line: int, text: str) -> Paragraph:
    parts = re.split(r"(?:^|\s)#[:#]*(?=\s|$)", text)
    told = (part.strip() for part in parts if not NO_SENTENCE.search(part[:9]))
    return Paragraph(line, "comment", " ".join(told).strip("- "))


def of_docstring(line: int, text: str) -> Iterator[Paragraph]:
    first, _, rest = text.partition("\n")
    lines = [first, *textwrap.dedent(rest).split("\n")]
    literal = -1  # the indentation of the line that a literal block belongs to
    table = False
    for number, each in enumerate(lines):
        if each.strip() and len(each) - len(each.lstrip()) <= literal:
            literal = -1
        if each.startswith("==="):  # a blank line follows the last of the three
            table = not table or bool("".join(lines[number + 1 : number + 2]).strip())
        if table or literal >= 0 or re.match(r"\s*(===|>>>|\|)", each):
            lines[number] = ""
        elif each.rstrip().endswith("::"):
            literal = len(each) - len(each.lstrip())
    yield from paragraphs(line, "docstring", lines)


def paragraphs(line: int, kind: str, lines: list[str]) -> Iterator[Paragraph]:
    """Divide lines at empty ones, at the items of lists, and at what `Args:` and the others describe."""
    block: list[str] = []
    start, inside = line, False
    for number, text in enumerate([*lines, ""], start=line):
        section = SECTION.match(text)
        heading = re.match(r"#+ |usage: ", text)
        ends = not text.strip() or section or heading or ITEM.match(text)
        if block and (ends or (inside and ARGUMENT.match(text))):
            yield Paragraph(start, kind, "\n".join(block))
            block = []
        inside = bool(section) or (inside and not re.match(r"\S", text))
        if heading:
            yield Paragraph(number, "heading", text)
        elif text.strip() and not section:
            start = start if block else number
            block.append(ITEM.sub("", text, count=1))


def of_message(line: int, text: str) -> Iterator[Paragraph]:
    if not SQL.match(text) and words(text) > 3:
        for number, each in enumerate(text.split("\n"), start=line):
            yield Paragraph(number, "message", each)


def of_echoes(source: str) -> Iterator[Paragraph]:
    """Yield what the commands echo and printf print."""
    for number, text in enumerate(source.splitlines(), start=1):
        if match := re.search(r"\b(?:echo|printf) ([\"'])(.*?)\1", text):
            yield Paragraph(number, "message", match[2])


def of_markdown(source: str) -> Iterator[Paragraph]:
    lines = source.splitlines()
    fenced = False
    for number, text in enumerate(lines, start=1):
        fence = text.lstrip().startswith("```")
        if text.startswith("|") and not fenced:
            for cell in text.strip("|").split("|"):
                yield Paragraph(number, "cell", cell)
        if fenced or fence or text.startswith("|"):
            lines[number - 1] = ""
        fenced ^= fence
    yield from paragraphs(1, "document", lines)


def of_questions(source: str) -> Iterator[Paragraph]:
    """Yield the texts of copier.yml: helps, refusals and messages."""
    document = yaml.compose(source)
    assert isinstance(document, yaml.MappingNode)
    for key, value in document.value:
        if key.value.startswith("_message"):
            yield from _text(value)
        for name, text in value.value if isinstance(value, yaml.MappingNode) else ():
            if name.value in ("help", "validator"):
                yield from _text(text)


def _text(node: yaml.ScalarNode) -> Iterator[Paragraph]:
    first = node.start_mark.line + 1
    text = re.sub(r"\{%.*?%\}", "\n", str(node.value), flags=re.DOTALL)
    for number, each in enumerate(without_jinja(text).split("\n"), start=first):
        # A folded value has lost its lines.
        yield Paragraph(number if node.style == "|" else first, "message", each)
