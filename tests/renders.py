"""Renders for tests, without repeated work. They have the same bytes as Copier's."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import Environment

from tests.helpers import QUESTIONS, Render, render_project


def make_once(path: Path, make: Callable[[Path], object]) -> Path:
    """Let `make` write a file or directory, unless it exists. Workers may call it together."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            # A copy under another name, because another worker must not see half of it.
            made = Path(scratch, path.name)
            make(made)
            with suppress(OSError):  # the other worker was first
                made.rename(path)
    return path


def render_once(template: Path, kept: Path, destination: Path, **answers: Any) -> Path:
    """Render a project like `render_project`, or copy the project that has the same answers.

    Projects are kept by their answers and by the name of their folder, which is the default of two
    answers. Refusals are not kept.
    """
    key = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
    source = make_once(
        kept / key / destination.name,
        lambda path: render_project(template, path, **answers),
    )
    return shutil.copytree(source, destination)


def render_each_answer(render: Render, directory: Path) -> list[Path]:
    """Render a few projects called shop. Each answer to each question is in one of them."""
    listed = {name: choices(question) for name, question in QUESTIONS.items()}
    return [
        render(
            directory / str(row),
            package_name="shop",
            **{name: each[row % len(each)] for name, each in listed.items() if each},
        )
        for row in range(max(map(len, listed.values())))
    ]


def choices(question: dict[str, Any]) -> list[Any]:
    """Return all answers to a question that has choices, and none to another question."""
    if question["type"] == "bool":
        return [True, False]
    listed = question.get("choices", [])
    return list(listed.values()) if isinstance(listed, dict) else listed


def compile_once() -> Callable[..., CodeType | str]:
    """Return a function that replaces `Environment.compile`, and compiles each text once.

    Copier makes an environment for each project, and compiles more than 2,000 texts in it: each
    path, and each default. This takes half of its time. Code does not depend on the environment
    beyond its syntax and its extensions.
    """
    compile_text = Environment.compile
    compiled: dict[Hashable, CodeType | str] = {}

    def compile_or_remember(
        environment: Environment, source: str, name: str | None = None, *rest: Any, **options: Any
    ) -> CodeType | str:
        syntax = environment.lexer, environment.undefined, *sorted(environment.extensions)
        # The file's path, in `rest`, is shown in tracebacks only.
        key = type(environment), syntax, source, name, rest[1:], tuple(options.items())
        if key not in compiled:
            compiled[key] = compile_text(environment, source, name, *rest, **options)
        return compiled[key]

    return compile_or_remember
